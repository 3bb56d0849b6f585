import { render, screen, waitFor } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';
import Compare from './Compare.svelte';
import Editor from './Editor.svelte';

const shown = (): string =>
	[...document.querySelectorAll('.cm-line')].map((line) => line.textContent ?? '').join('\n');

test('a text from outside is shown and is no change of the person', async () => {
	const onchange = vi.fn();
	const { rerender } = render(Editor, {
		value: 'one\ntwo\n',
		name: 'a.txt',
		label: 'a.txt',
		onchange
	});
	await screen.findByRole('textbox', { name: 'a.txt' });
	expect(shown()).toBe('one\ntwo\n');
	await rerender({ value: 'one\n2\n' });
	expect(shown()).toBe('one\n2\n');
	expect(onchange).not.toHaveBeenCalled();
});

test('a text that is only looked at says so', async () => {
	render(Editor, { value: 'x', name: 'a.txt', label: 'a.txt', readonly: true });
	const text = await screen.findByRole('textbox', { name: 'a.txt' });
	await waitFor(() => expect(text.getAttribute('aria-readonly')).toBe('true'));
});

test('a carriage return stays where it is', async () => {
	const memory = {};
	const { unmount } = render(Editor, { value: 'a\r\nb\nc', name: 'a', label: 'a', memory });
	await screen.findByRole('textbox', { name: 'a' });
	unmount();
	const kept = memory as { state?: { doc?: string } };
	expect(kept.state?.doc).toBe('a\r\nb\nc');
});

test('what is pasted has the line ends that every text has here', async () => {
	const onchange = vi.fn();
	render(Editor, { value: '', name: 'a.txt', label: 'a.txt', onchange });
	const text = await screen.findByRole('textbox', { name: 'a.txt' });
	const paste = new Event('paste', { bubbles: true, cancelable: true });
	const clipboardData = { getData: () => 'one\r\ntwo\rthree' };
	text.dispatchEvent(Object.assign(paste, { clipboardData }));
	expect(onchange).toHaveBeenLastCalledWith('one\ntwo\nthree');
});

test('two texts stand side by side, and neither can be written in', async () => {
	render(Compare, {
		before: 'a\nb\n',
		after: 'a\nc\n',
		name: 'a.txt',
		labels: { before: 'On the disk', after: 'Yours' }
	});
	const left = await screen.findByRole('textbox', { name: 'On the disk' });
	const right = await screen.findByRole('textbox', { name: 'Yours' });
	expect(left.textContent).toBe('ab');
	expect(right.textContent).toBe('ac');
	expect(left.getAttribute('aria-readonly')).toBe('true');
});
