import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test } from 'vitest';
import { events } from '$ipc';
import CloseDialog from './CloseDialog.svelte';

afterEach(async () => {
	cleanup();
	await new Promise((done) => setTimeout(done));
	clearMocks();
});

test('closing while a job runs asks, and each answer is kept to', async () => {
	const called: string[] = [];
	mockIPC((command) => void called.push(command), { shouldMockEvents: true });
	const user = userEvent.setup();
	render(CloseDialog);
	const ask = (): Promise<void> =>
		events.closeAsked.emit({
			jobs: [{ id: '0193a5c2-0000-7000-8000-00000000e001', title: 'Deploy shop' }],
			runs: [],
			at_quit: 'ask',
			failure: null,
			tray: false
		});
	const closes = (): Promise<void> =>
		waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());

	await ask();
	const dialog = await screen.findByRole('dialog', { name: 'A job is running' });
	expect(dialog.textContent).toContain('Deploy shop');
	expect(dialog.textContent).toContain('Starting Plimsoll again brings the window back.');
	await user.click(screen.getByRole('button', { name: 'Stay' }));
	await closes();
	expect(called).toEqual([]);

	await ask();
	await user.click(await screen.findByRole('button', { name: 'Keep running in the background' }));
	await closes();
	expect(called).toEqual(['window_hide']);

	await ask();
	await user.click(await screen.findByRole('button', { name: 'Quit anyway' }));
	expect(called).toEqual(['window_hide', 'window_quit']);
});

test('what runs on this machine is stopped or left as somebody says', async () => {
	const called: unknown[] = [];
	mockIPC((command, args) => void called.push([command, args]), { shouldMockEvents: true });
	const user = userEvent.setup();
	render(CloseDialog);
	const ask = (): Promise<void> =>
		events.closeAsked.emit({
			jobs: [],
			runs: ['shop'],
			at_quit: 'ask',
			failure: null,
			tray: false
		});

	await ask();
	const dialog = await screen.findByRole('dialog', {
		name: 'Services are running on this machine'
	});
	expect(dialog.textContent).toMatch(/shop\s+runs here/);
	expect(screen.queryByRole('button', { name: 'Keep running in the background' })).toBeNull();
	await user.click(screen.getByRole('button', { name: 'Quit, leave running' }));
	await user.click(screen.getByRole('checkbox', { name: 'Do the same from now on' }));
	await user.click(screen.getByRole('button', { name: 'Stop and quit' }));
	expect(called).toEqual([
		['window_quit', { keepRuns: true, remember: false }],
		['window_quit', { keepRuns: false, remember: true }]
	]);
});

test('what was said once and for all is not asked again, unless it did not work', async () => {
	const called: unknown[] = [];
	mockIPC((command, args) => void called.push([command, args]), { shouldMockEvents: true });
	const user = userEvent.setup();
	render(CloseDialog);
	const asked = {
		jobs: [{ id: '0193a5c2-0000-7000-8000-00000000e001', title: 'Deploy shop' }],
		runs: ['shop'],
		at_quit: 'leave' as const,
		failure: null,
		tray: false
	};

	await events.closeAsked.emit(asked);
	const dialog = await screen.findByRole('dialog', { name: 'A job is running' });
	expect(dialog.textContent).toContain('containers go on without Plimsoll');
	expect(screen.queryByRole('checkbox')).toBeNull();
	await user.click(screen.getByRole('button', { name: 'Quit anyway' }));
	expect(called).toEqual([['window_quit', { keepRuns: true, remember: false }]]);

	const failure = {
		code: 'docker_failed',
		message: 'The engine does not stop a container.',
		evidence: [],
		next_step: 'Look at the engine.',
		retryable: false,
		field: ''
	};
	await events.closeAsked.emit({ ...asked, jobs: [], failure });
	await screen.findByText('The engine does not stop a container.');
	await screen.findByRole('button', { name: 'Stop and quit' });
});
