import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test } from 'vitest';
import ImportVariables from './ImportVariables.svelte';

afterEach(() => clearMocks());

test('nothing is set that was not shown before', async () => {
	const user = userEvent.setup();
	const called: string[] = [];
	mockIPC((command, args) => {
		called.push(command);
		const { text } = args as { text: string };
		return text
			.split('\n')
			.filter(Boolean)
			.map((line) => ({
				name: line.split('=')[0],
				secret: true,
				change: 'new',
				sealed_already: false
			}));
	});
	render(ImportVariables, {
		environment: { id: 'e', project_id: 'p', name: 'production', server_ids: [] },
		service: {
			id: 's',
			project_id: 'p',
			name: 'web',
			source: '',
			source_kind: 'folder',
			port: null
		},
		begin: 'ONE=1\n',
		ondone: () => undefined
	});
	await screen.findByRole('button', { name: 'Set 1 variable' });
	await user.type(screen.getByLabelText('Text'), 'TOKEN=2');
	await user.click(screen.getByRole('button', { name: 'Set 1 variable' }));
	expect(called).not.toContain('variable_import');
	await waitFor(() => screen.getByRole('button', { name: 'Set 2 variables' }));
});
