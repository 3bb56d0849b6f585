import importX from 'eslint-plugin-import-x';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** One wall: files of a room may not import from these others. */
const wall = (room, forbidden, message) => ({
	files: [`src/${room}/**/*.{ts,svelte}`],
	ignores: ['**/*.test.ts'],
	rules: {
		'no-restricted-imports': [
			'error',
			{ patterns: [...forbidden, '@tauri-apps/*'].map((group) => ({ group: [group], message })) }
		]
	}
});

export default ts.config(
	{ ignores: ['dist/**', 'node_modules/**', 'src/lib/ipc/bindings.ts'] },
	...ts.configs.strict,
	...svelte.configs.recommended,
	{
		languageOptions: { globals: { ...globals.browser } },
		plugins: { 'import-x': importX },
		rules: {
			'import-x/no-cycle': ['error', { ignoreExternal: true }],
			'@typescript-eslint/no-explicit-any': 'error',
			'@typescript-eslint/no-non-null-assertion': 'error'
		},
		settings: {
			'import-x/extensions': ['.ts', '.svelte', '.svelte.ts'],
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
	wall(
		'lib/parts',
		['$ipc', '$ipc/*', '$models/*', '$features/*', '$pages/*'],
		'Parts know no domain word: give them data and callbacks.'
	),
	wall('lib/models', ['$parts/*', '$features/*', '$pages/*'], 'Models know $ipc only.'),
	wall(
		'features',
		['$features/*', '$pages/*', '../*/*'],
		'A feature imports $parts, $models and $ipc, never another feature.'
	),
	wall('pages', [], 'Only lib/ipc talks to Tauri.')
);
