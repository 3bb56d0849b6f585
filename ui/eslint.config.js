import importX from 'eslint-plugin-import-x';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';
import walls, { resolver } from './tools/walls.js';

export default ts.config(
	{ ignores: ['dist/**', 'node_modules/**', 'src/lib/ipc/bindings.ts'] },
	...ts.configs.strict,
	...svelte.configs.recommended,
	{
		languageOptions: {
			globals: { ...globals.browser },
			// The rule against cycles parses components by itself, also when it begins in a module.
			parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'] }
		},
		plugins: { 'import-x': importX, house: walls },
		rules: {
			'house/walls': 'error',
			'import-x/no-cycle': ['error', { ignoreExternal: true }],
			'@typescript-eslint/no-explicit-any': 'error',
			'@typescript-eslint/no-non-null-assertion': 'error'
		},
		settings: {
			'import-x/extensions': ['.ts', '.svelte'],
			'import-x/resolver-next': [resolver],
			'import-x/parsers': {
				'@typescript-eslint/parser': ['.ts'],
				'svelte-eslint-parser': ['.svelte']
			}
		}
	},
	{
		files: ['**/*.svelte', '**/*.svelte.ts'],
		languageOptions: {
			parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig }
		}
	},
	{ files: ['tools/**', '*.js', '*.ts'], languageOptions: { globals: { ...globals.node } } }
);
