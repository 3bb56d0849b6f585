import { expect, test } from 'vitest';
import { diff } from './diff';

const short = (before: string, after: string): string[] =>
	diff(before, after).map(({ kind, text }) => `${{ same: ' ', gone: '-', new: '+' }[kind]}${text}`);

test('a changed line goes out and comes in between those that stayed', () => {
	expect(short('a\nb\nc', 'a\nx\nc')).toEqual([' a', '-b', '+x', ' c']);
});

test('from nothing all is new, to nothing all is gone', () => {
	expect(short('', 'a')).toEqual(['+a']);
	expect(short('a', '')).toEqual(['-a']);
	expect(short('', '')).toEqual([]);
});

test('lines that moved keep what they have in common', () => {
	expect(short('a\nb\nc\nd', 'b\nc\nd\na')).toEqual(['-a', ' b', ' c', ' d', '+a']);
});

test('very long texts are compared without matching every pair', () => {
	const many = (prefix: string): string =>
		Array.from({ length: 3_000 }, (_, i) => `${prefix}${i}`).join('\n');
	expect(diff(many('a'), many('b'))).toHaveLength(6_000);
});
