import { describe, expect, it } from 'vitest';
import { chosen, looksLikeEnv } from './env';
import type { ImportedVariableView } from '$ipc';

const found = (
	name: string,
	secret: boolean,
	change: ImportedVariableView['change'] = 'new',
	sealed_already = false
): ImportedVariableView => ({ name, secret, change, sealed_already });

describe('what an import says before it happens', () => {
	const all = [
		found('PORT', false, 'same'),
		found('API_TOKEN', true),
		found('OLD_SECRET', true, 'replaced', true)
	];

	it('seals what is proposed', () => {
		const preview = chosen(all, {});
		expect(preview.secrets).toEqual(['API_TOKEN', 'OLD_SECRET']);
		expect(preview.words).toBe('1 new, 1 replaced, 1 the same, 2 sealed');
	});

	it('follows what somebody chose, but never unseals', () => {
		const preview = chosen(all, { PORT: true, API_TOKEN: false, OLD_SECRET: false });
		expect(preview.secrets).toEqual(['PORT', 'OLD_SECRET']);
	});
});

describe('a pasted text', () => {
	it.each(['A=1\nB=2', '# mine\nexport TOKEN=x', 'A=1\n\nB="two words"\n'])(
		'%j is .env text',
		(text) => expect(looksLikeEnv(text)).toBe(true)
	);
	it.each(['plain value', 'A=1', 'postgres://db/x?a=b', ''])('%j is a value', (text) =>
		expect(looksLikeEnv(text)).toBe(false)
	);
});
