import { fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { createRawSnippet } from 'svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import VirtualList from './VirtualList.svelte';

beforeEach(() => {
	vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(400);
});
const row = createRawSnippet<[number]>((index) => ({
	render: () => `<span>row ${index()}</span>`
}));

test('of ten thousand rows only those in view are there; the number of all is told', () => {
	const onvisible = vi.fn();
	render(VirtualList, { count: 10_000, rowHeight: 40, label: 'Deployments', row, onvisible });
	const list = screen.getByRole('grid', { name: 'Deployments' });
	expect(list.getAttribute('aria-rowcount')).toBe('10000');
	expect(screen.getAllByRole('row').length).toBeLessThan(30);
	expect(onvisible).toHaveBeenCalledWith(0, 18);
});

test('keys move through the rows, and Enter opens one', async () => {
	const user = userEvent.setup();
	const onopen = vi.fn();
	render(VirtualList, { count: 10_000, rowHeight: 40, label: 'Deployments', row, onopen });
	await user.tab();
	const focused = (): string | null | undefined =>
		document.activeElement?.getAttribute('aria-rowindex');
	expect(focused()).toBe('1');
	await user.keyboard('{ArrowDown}{ArrowDown}');
	await waitFor(() => expect(focused()).toBe('3'));
	await user.keyboard('{Enter}');
	expect(onopen).toHaveBeenCalledWith(2);
	await user.keyboard('{End}');
	await waitFor(() => expect(focused()).toBe('10000'));
});

test('a row keeps the focus when it scrolls out and its elements show another one', async () => {
	const user = userEvent.setup();
	render(VirtualList, { count: 10_000, rowHeight: 40, label: 'Deployments', row });
	await user.tab();
	const list = screen.getByRole('grid', { name: 'Deployments' });
	const first = document.activeElement;
	list.scrollTop = 4_000;
	await fireEvent.scroll(list);
	await waitFor(() => expect(screen.getByText('row 100')).toBeTruthy());
	expect(document.activeElement?.getAttribute('aria-rowindex')).toBe('1');
	expect(list.contains(first)).toBe(true);
	expect(first?.getAttribute('aria-rowindex')).not.toBe('1');
	await user.keyboard('{ArrowDown}');
	await waitFor(() => expect(document.activeElement?.getAttribute('aria-rowindex')).toBe('2'));
});
