import { expect, test } from 'vitest';
import { ago, bytes, copied, count, duration, grouped, money } from './format';

test('sizes, prices and times read as the command line writes them', () => {
	expect(bytes(999)).toBe('999 B');
	expect(bytes(3_400_000)).toBe('3.4 MB');
	expect(money(1205)).toBe('$12.05');
	expect(money(-600)).toBe('-$6.00');
	expect(money(123_456_00)).toBe('$123,456.00');
	expect(duration(850)).toBe('850 ms');
	expect(duration(4_200)).toBe('4.2 s');
	expect(duration(59_999)).toBe('59.9 s');
	expect(duration(185_000)).toBe('3 min 5 s');
	expect(duration(7_440_000)).toBe('2 h 4 min');
});

test('a moment is told by its distance, before and after', () => {
	const now = Date.parse('2026-11-21T12:00:00.000Z');
	expect(ago('2026-11-21T11:59:40.000Z', now)).toBe('just now');
	expect(ago('2026-11-21T11:55:00.000Z', now)).toBe('5 min ago');
	expect(ago('2026-11-21T09:00:00.000Z', now)).toBe('3 h ago');
	expect(ago('2026-11-20T12:00:00.000Z', now)).toBe('1 day ago');
	expect(ago('2026-11-24T12:00:00.000Z', now)).toBe('in 3 days');
	expect(ago('2025-03-12T12:00:00.000Z', now)).toBe('12 Mar 2025');
	expect(ago('never', now)).toBe('');
});

test('one is not many', () => {
	expect(count(1, 'server')).toBe('1 server');
	expect(count(0, 'server')).toBe('0 servers');
	expect(count(2, 'entry', 'entries')).toBe('2 entries');
	expect(grouped(1_000_000)).toBe('1,000,000');
});

test('what was copied in is told shortly, with what is to be known', () => {
	expect(copied({ files: 1, left: [], windows: [] })).toBe('Copied 1 file in');
	expect(copied({ files: 5, left: ['a: a link'], windows: ['aux: a device'] })).toBe(
		'Copied 5 files in. Left out: a: a link. A computer with Windows cannot keep aux: a device'
	);
	const many = ['a', 'b', 'c', 'd', 'e'];
	expect(copied({ files: 0, left: many, windows: [] })).toContain('a; b; c; and 2 more');
});
