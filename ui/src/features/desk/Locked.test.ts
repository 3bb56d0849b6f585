import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { cleanup, render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CommandError } from '$ipc';
import Locked from './Locked.svelte';

const failure = (code: string): CommandError => ({
	code,
	message: 'Could not read from the keychain: it is locked.',
	evidence: [],
	next_step: 'Unlock the keychain of your session, then try again.',
	retryable: true,
	field: ''
});

let called: [string, unknown][];

beforeEach(() => {
	called = [];
	mockIPC((command, args) => {
		called.push([command, args]);
		if (command === 'vault_unlock') {
			throw { ...failure('vault_wrong_passphrase'), message: 'Wrong.', field: 'passphrase' };
		}
	});
});

afterEach(async () => {
	cleanup();
	await new Promise((done) => setTimeout(done));
	clearMocks();
});

test('a locked keychain can be unlocked, left out, or replaced by a vault', async () => {
	const user = userEvent.setup();
	render(Locked, { failure: failure('keychain_locked'), vault: false });
	await user.click(screen.getByRole('button', { name: 'Unlock and try again' }));
	expect(called).toEqual([['desk_reopen', {}]]);
	await user.click(screen.getByRole('button', { name: 'Look around without it' }));
	expect(called[1]?.[0]).toBe('desk_open_anyway');

	await user.click(screen.getByRole('button', { name: 'Use a vault with a passphrase' }));
	const make = screen.getByRole('button', { name: 'Make the vault' });
	await user.type(screen.getByLabelText('Passphrase'), 'correct horse');
	await user.type(screen.getByLabelText('The same again'), 'correct hors');
	expect(make.getAttribute('aria-disabled')).toBe('true');
	await user.type(screen.getByLabelText('The same again'), 'e');
	await user.click(make);
	expect(called[2]).toEqual(['vault_create', { passphrase: 'correct horse' }]);
});

test('a wrong passphrase is told beside its field', async () => {
	const user = userEvent.setup();
	render(Locked, { failure: failure('vault_locked'), vault: true });
	await user.type(screen.getByLabelText('Passphrase'), 'wrong');
	await user.click(screen.getByRole('button', { name: 'Unlock' }));
	const field = screen.getByLabelText('Passphrase');
	expect(field.getAttribute('aria-invalid')).toBe('true');
	expect(screen.getByText(/^Wrong\./)).toBeTruthy();
});
