import { fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, test, vi } from 'vitest';
import LogView from './LogView.svelte';
import type { LogLine, LogSource } from './log';

class Made implements LogSource {
	asked: { from: number; count: number }[] = [];
	constructor(readonly total: number) {}
	lines(from: number, count: number): Promise<LogLine[]> {
		this.asked.push({ from, count });
		const to = Math.min(from + count, this.total);
		return Promise.resolve(
			Array.from({ length: Math.max(0, to - from) }, (_, i) => ({ text: `line ${from + i}` }))
		);
	}
	search(text: string, from: number, direction: 'forward' | 'backward'): number | null {
		const at = Number(text.replace('line ', ''));
		return (direction === 'forward' ? at >= from : at <= from) ? at : null;
	}
}

// jsdom lays nothing out: a box of 360 pixels shows 20 lines.
beforeEach(() => {
	vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(360);
	vi.spyOn(HTMLElement.prototype, 'scrollHeight', 'get').mockReturnValue(180_000);
});
const numbers = (box: HTMLElement): string[] =>
	[...box.querySelectorAll('.number')].map((number) => number.textContent);

test('of a million lines only those in view are in the document, and few are asked for', async () => {
	const source = new Made(1_000_000);
	render(LogView, { source, label: 'Build' });
	const box = screen.getByRole('log', { name: 'Build' });
	await waitFor(() => expect(screen.getByText('line 999999')).toBeTruthy());
	expect(numbers(box).length).toBeLessThan(40);
	expect(numbers(box).at(-1)).toBe('1000000');
	expect(Math.max(...source.asked.map(({ count }) => count))).toBeLessThan(250);
});

test('scrolling up stops following, and the lines there are asked for', async () => {
	const source = new Made(10_000);
	render(LogView, { source, label: 'Build' });
	const box = screen.getByRole('log', { name: 'Build' });
	await waitFor(() => expect(screen.getByText('line 9999')).toBeTruthy());
	await waitFor(() => expect(box.scrollTop).toBeGreaterThan(0));
	box.scrollTop = 0;
	await fireEvent.scroll(box);
	await waitFor(() => expect(screen.getByText('line 3')).toBeTruthy());
	expect(screen.getByRole('button', { name: 'Follow the end' }).getAttribute('aria-pressed')).toBe(
		'false'
	);
});

test('what is searched is brought into view and said', async () => {
	const user = userEvent.setup();
	render(LogView, { source: new Made(1_000_000), label: 'Build' });
	await user.type(screen.getByRole('searchbox'), 'line 4711{Enter}');
	await waitFor(() => expect(screen.getByText('Line 4,712')).toBeTruthy());
	const box = screen.getByRole('log', { name: 'Build' });
	await waitFor(() => expect(numbers(box)).toContain('4712'));
});

test('markup in a log stays text', async () => {
	const source: LogSource = {
		total: 1,
		lines: () => [{ text: '<img src=x>' }],
		search: () => null
	};
	render(LogView, { source, label: 'Build' });
	await waitFor(() => expect(screen.getByText('<img src=x>')).toBeTruthy());
	expect(document.querySelector('img')).toBeNull();
});

test('lines that come later than the news of them are asked for again', async () => {
	let ready = false;
	const source: LogSource = {
		total: 2,
		lines: () => (ready ? [{ text: 'one' }, { text: 'two' }] : []),
		search: () => null
	};
	render(LogView, { source, label: 'Build' });
	setTimeout(() => (ready = true), 50);
	await waitFor(() => expect(screen.getByText('two')).toBeTruthy());
});
