import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Revealed, SHOWN_S } from './reveal.svelte';

describe('a revealed secret', () => {
	beforeEach(() => void vi.useFakeTimers());
	afterEach(() => void vi.useRealTimers());

	it('is hidden again by itself', () => {
		const revealed = new Revealed();
		revealed.show('TOKEN', 's3cret');
		vi.advanceTimersByTime((SHOWN_S - 1) * 1_000);
		expect(revealed.of('TOKEN')).toEqual({ value: 's3cret', left: 1 });
		vi.advanceTimersByTime(1_000);
		expect(revealed.of('TOKEN')).toBeUndefined();
		expect(vi.getTimerCount()).toBe(0);
	});

	it('is hidden when somebody says so, and others stay', () => {
		const revealed = new Revealed();
		revealed.show('A', '1');
		revealed.show('B', '2');
		revealed.hide('A');
		expect(revealed.of('A')).toBeUndefined();
		expect(revealed.of('B')?.value).toBe('2');
		revealed.hideAll();
		expect(vi.getTimerCount()).toBe(0);
	});
});
