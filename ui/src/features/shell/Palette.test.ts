import { render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import Palette from './Palette.svelte';

function entries(): {
	id: string;
	title: string;
	group: string;
	disabled?: string;
	run: () => void;
}[] {
	return [
		{ id: '1', title: 'Go to servers', group: 'Go', run: vi.fn() },
		{ id: '2', title: 'Create project', group: 'Projects', run: vi.fn() },
		{
			id: '3',
			title: 'Roll back',
			group: 'Deployments',
			disabled: 'Nothing ran before',
			run: vi.fn()
		}
	];
}

test('letters find, arrows choose, Enter does', async () => {
	const user = userEvent.setup();
	const all = entries();
	render(Palette, { open: true, entries: all });
	await user.type(screen.getByRole('combobox'), 'crpr');
	expect(screen.getAllByRole('option')).toHaveLength(1);
	await user.keyboard('{Enter}');
	await waitFor(() => expect(all[1]?.run).toHaveBeenCalledOnce());
});

test('what cannot be done says why and does nothing', async () => {
	const user = userEvent.setup();
	const all = entries();
	render(Palette, { open: true, entries: all });
	await user.type(screen.getByRole('combobox'), 'roll');
	expect(screen.getByText('Nothing ran before')).toBeTruthy();
	await user.keyboard('{Enter}');
	expect(all[2]?.run).not.toHaveBeenCalled();
	expect(screen.getByRole('combobox')).toBeTruthy();
});

test('nothing found is said', async () => {
	const user = userEvent.setup();
	render(Palette, { open: true, entries: entries() });
	await user.type(screen.getByRole('combobox'), 'zzz');
	expect(screen.getByText('Nothing is called “zzz”.')).toBeTruthy();
});

test('a chord right after something was chosen is left to the page', async () => {
	const user = userEvent.setup();
	const heard: boolean[] = [];
	const hear = (event: KeyboardEvent): void => {
		if (event.ctrlKey && event.key === 'Enter') heard.push(event.defaultPrevented);
	};
	window.addEventListener('keydown', hear);
	const all = entries();
	const { rerender } = render(Palette, { open: true, entries: all });
	const field = screen.getByRole('combobox');
	await user.type(field, 'crpr');
	await user.keyboard('{Control>}{Enter}{/Control}');
	expect(all[1]?.run).not.toHaveBeenCalled();
	await user.keyboard('{Enter}');
	field.dispatchEvent(
		new KeyboardEvent('keydown', { key: 'Enter', ctrlKey: true, bubbles: true, cancelable: true })
	);
	await rerender({ open: false });
	window.removeEventListener('keydown', hear);
	expect(heard.length).toBeGreaterThan(0);
	expect(heard).not.toContain(true);
	await waitFor(() => expect(all[1]?.run).toHaveBeenCalledOnce());
});
