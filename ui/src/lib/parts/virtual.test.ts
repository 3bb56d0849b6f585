import { expect, test } from 'vitest';
import { boxHeight, scrollTo, shown, slots, TALLEST } from './virtual';

const sight = { count: 10_000, rowHeight: 40, height: 600, scrollTop: 0, over: 4 };

test('only the rows in view and a few around them are drawn', () => {
	expect(shown(sight)).toEqual({ from: 0, to: 19, offset: 0 });
	expect(shown({ ...sight, scrollTop: 4_000 })).toEqual({ from: 96, to: 119, offset: 3_840 });
});

test('the end shows the last row and no more', () => {
	const end = boxHeight(10_000, 40) - 600;
	expect(shown({ ...sight, scrollTop: end }).to).toBe(10_000);
	expect(shown({ ...sight, scrollTop: end + 5_000 }).to).toBe(10_000);
});

test('nothing is drawn of an empty list or without room', () => {
	expect(shown({ ...sight, count: 0 })).toEqual({ from: 0, to: 0, offset: 0 });
	expect(shown({ ...sight, height: 0 })).toEqual({ from: 0, to: 0, offset: 0 });
});

test('a box too short for all its rows still reaches the first and the last', () => {
	const long = { count: 5_000_000, rowHeight: 18, height: 540, scrollTop: 0, over: 0 };
	expect(boxHeight(long.count, long.rowHeight)).toBe(TALLEST);
	expect(shown(long).from).toBe(0);
	const end = shown({ ...long, scrollTop: TALLEST - long.height });
	expect(end.to).toBe(5_000_000);
	expect(end.to - end.from).toBeLessThanOrEqual(31);
	expect(end.offset + (end.to - end.from) * 18).toBeCloseTo(TALLEST, 3);
});

test('scrolling to a row brings just it into view, from above and from below', () => {
	expect(scrollTo(5, sight)).toBe(0);
	expect(scrollTo(20, sight)).toBe(21 * 40 - 600);
	expect(scrollTo(20, { ...sight, scrollTop: 4_000 })).toBe(800);
	expect(scrollTo(9_999, sight)).toBe(10_000 * 40 - 600);
	expect(scrollTo(500, sight, 'middle')).toBe(500 * 40 - 280);
});

test('scrolling to a row of a stretched box shows that row', () => {
	const long = { count: 5_000_000, rowHeight: 18, height: 540, scrollTop: 0, over: 0 };
	for (const row of [0, 1, 1_234_567, 4_999_999]) {
		const view = shown({ ...long, scrollTop: scrollTo(row, long, 'middle') });
		expect(view.from).toBeLessThanOrEqual(row);
		expect(view.to).toBeGreaterThan(row);
	}
});

test('rows in view never share a place, wherever the box is scrolled to', () => {
	const most = slots(sight);
	for (let scrollTop = 0; scrollTop < 4_000; scrollTop += 7) {
		const { from, to } = shown({ ...sight, scrollTop });
		expect(to - from).toBeLessThanOrEqual(most);
	}
	const long = { count: 5_000_000, rowHeight: 18, height: 540, over: 0 };
	for (let scrollTop = 0; scrollTop < 40; scrollTop += 0.3) {
		const { from, to } = shown({ ...long, scrollTop });
		expect(to - from).toBeLessThanOrEqual(slots(long));
	}
});
