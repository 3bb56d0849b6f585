import { expect, test } from 'vitest';
import { replacement } from './change';
import { indentOf } from './indent';
import { languageOf } from './languages';

test('a text from outside replaces only what differs', () => {
	expect(replacement('one two three', 'one 2 three')).toEqual({ from: 4, to: 7, insert: '2' });
	expect(replacement('aaa', 'aaaa')).toEqual({ from: 3, to: 3, insert: 'a' });
	expect(replacement('same', 'same')).toBeNull();
	expect(replacement('', 'new')).toEqual({ from: 0, to: 0, insert: 'new' });
});

test.each([
	['x😀y', 'x😁y'],
	['😀', '😁😀'],
	['a😀', 'a']
])('replacing %s by %s gives it whole', (before, after) => {
	const change = replacement(before, after);
	if (!change) throw new Error('they differ');
	const made = before.slice(0, change.from) + change.insert + before.slice(change.to);
	expect(made).toBe(after);
	// It throws at half a pair.
	expect(() => encodeURIComponent(change.insert + before.slice(0, change.from))).not.toThrow();
});

test('what is added is indented as the rest is', () => {
	expect(indentOf('a {\n  b\n    c\n  d\n}\n')).toBe('  ');
	expect(indentOf('def f():\n    if x:\n        y\n')).toBe('    ');
	expect(indentOf('a:\n\tb\n\t\tc\n')).toBe('\t');
	expect(indentOf('plain\n', '  ')).toBe('  ');
});

test('a language is known by the name of the file', async () => {
	expect(languageOf('src/main.rs')).not.toBeNull();
	expect(languageOf('deploy/Dockerfile')).toBe(languageOf('Dockerfile.dev'));
	expect(languageOf('.env.local')).toBe(languageOf('settings.ini'));
	expect(languageOf('notes')).toBeNull();
	for (const name of ['a.ts', 'a.scss', 'Dockerfile', 'a.kt', 'a.yml', 'a.php']) {
		expect(await languageOf(name)?.(), name).toBeTruthy();
	}
});
