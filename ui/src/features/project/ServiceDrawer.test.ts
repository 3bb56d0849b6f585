import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test } from 'vitest';
import type { ComponentProps } from 'svelte';
import type { ServiceView, VariableView } from '$ipc';
import ServiceDrawer from './ServiceDrawer.svelte';

const service = (id: string): ServiceView => ({
	id,
	project_id: 'shop',
	name: id,
	source: 'the folder',
	source_kind: 'folder',
	port: 80
});

const secret = (of: string): VariableView => ({
	id: `secret of ${of}`,
	environment_id: 'production',
	service_id: of,
	name: 'TOKEN',
	value: null,
	secret: true,
	updated_at: '2026-11-21T09:00:00.000Z'
});

const about = (of: string): ComponentProps<typeof ServiceDrawer> => ({
	service: service(of),
	environment: { id: 'production', project_id: 'shop', name: 'production', server_ids: [] },
	standings: [],
	servers: [],
	deployments: [],
	releaseOf: () => undefined,
	variables: [secret(of)],
	domains: [],
	certificates: [],
	accounts: [],
	configurations: [],
	tab: 'variables',
	ontab: () => undefined,
	onclose: () => undefined,
	onsave: () => undefined,
	onremove: () => undefined,
	ondelete: () => undefined
});

afterEach(() => clearMocks());

test('a secret that is revealed of one service is shown of no other one', async () => {
	const user = userEvent.setup();
	mockIPC(() => 'the secret of web');
	const drawer = render(ServiceDrawer, about('web'));
	await user.click(await screen.findByRole('button', { name: /^Reveal TOKEN/ }));
	await screen.findByText('the secret of web');
	await drawer.rerender(about('worker'));
	await screen.findByRole('heading', { name: 'worker' });
	expect(screen.queryByText('the secret of web')).toBeNull();
});
