import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test } from 'vitest';
import type { VersionView } from '$ipc';
import PruneDialog from './PruneDialog.svelte';
import RestoreDialog from './RestoreDialog.svelte';

const version = (number: number): VersionView => ({
	id: `version ${number}`,
	project_id: 'p',
	number,
	message: '',
	author: 'Ada',
	cause: 'saved',
	name: null,
	pinned: false,
	files: 1,
	bytes: 1,
	added_bytes: 1,
	root: 'b3',
	created_at: '2026-11-21T09:00:00.000Z'
});

afterEach(() => clearMocks());

test('what would be let go is what goes by the rule that is seen, whichever answer comes first', async () => {
	const user = userEvent.setup();
	const answers: Record<string, () => void> = {};
	mockIPC((command, args) => {
		if (command === 'form_open')
			return {
				form: { id: 'project_settings', fields: [] },
				values: { 'retention.last': '5', 'retention.days': '90' },
				draft: null
			};
		const { last } = args as { last: number };
		const versions = Array.from({ length: last }, (_, at) => version(at + 1));
		return new Promise((done) => {
			answers[last] = () => done({ versions, waste_bytes: 1 });
		});
	});
	render(PruneDialog, { open: true, project: 'p' });
	await waitFor(() => expect(answers[5]).toBeDefined());
	await user.type(screen.getByLabelText('Keep the newest'), '1');
	await waitFor(() => expect(answers[51]).toBeDefined());
	answers[5]?.();
	await new Promise((done) => setTimeout(done, 20));
	expect(screen.queryByText(/would go/)).toBeNull();
	answers[51]?.();
	await screen.findByRole('button', { name: 'Let 51 versions go' });
});

test('what comes of a restore after its dialog was closed is not told of another version', async () => {
	const user = userEvent.setup();
	let restored = (): void => undefined;
	mockIPC(
		() =>
			new Promise(
				(done) => (restored = () => done({ written: 3, removed: 1, left: [], before: version(9) }))
			)
	);
	const dialog = render(RestoreDialog, { open: true, version: version(1), path: null });
	await user.click(await screen.findByRole('button', { name: 'Save what is there, restore' }));
	await user.click(screen.getByRole('button', { name: 'Cancel' }));
	await dialog.rerender({ open: true, version: version(2), path: null });
	restored();
	await new Promise((done) => setTimeout(done, 20));
	expect(screen.queryByText(/3 files written/)).toBeNull();
	await screen.findByRole('button', { name: 'Save what is there, restore' });
});
