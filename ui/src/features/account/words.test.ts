import { expect, test } from 'vitest';
import { daysUntil } from './words';

const now = Date.parse('2026-11-21T12:00:00.000Z');

test('days are whole, and negative once the moment has passed', () => {
	expect(daysUntil('2026-11-23T13:00:00.000Z', now)).toBe(2);
	expect(daysUntil('2026-11-21T13:00:00.000Z', now)).toBe(0);
	expect(daysUntil('2026-11-21T11:00:00.000Z', now)).toBe(-1);
});

test('nobody said when is not today', () => {
	expect(daysUntil(null, now)).toBeNull();
	expect(daysUntil('someday', now)).toBeNull();
});
