import { expect, test } from 'vitest';
import { fileName, passphraseProblem } from './passphrase';

test('two passphrases that differ are told apart, but not while the second is empty', () => {
	expect(passphraseProblem('open sesame', '')).toBe('');
	expect(passphraseProblem('open sesame', 'open')).not.toBe('');
	expect(passphraseProblem('open sesame', 'open sesame')).toBe('');
});

test('an export is named by its day', () => {
	expect(fileName(new Date(2026, 0, 5))).toBe('plimsoll-2026-01-05.sealed');
});
