import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { cleanup, render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { OpenFormView } from '$ipc';
import Connect from './Connect.svelte';

const field = (
	name: string,
	label: string,
	kind: 'text' | 'secret'
): OpenFormView['form']['fields'][number] => ({
	name,
	label,
	help: '',
	placeholder: '',
	unit: '',
	group: '',
	required: true,
	kind: { kind },
	shown_when: null
});
const form: OpenFormView = {
	form: {
		id: 'account',
		fields: [field('name', 'Name', 'text'), field('token', 'API token', 'secret')]
	},
	values: { name: 'mine' },
	draft: null
};
vi.setConfig({ testTimeout: 30_000 });
let answer: () => unknown;
let sent: [string, Record<string, unknown>][];

beforeEach(() => {
	sent = [];
	mockIPC((command, args) => {
		sent.push([command, (args ?? {}) as Record<string, unknown>]);
		if (command === 'form_open') return form;
		if (command === 'account_connect') return answer();
		return null;
	});
});

afterEach(async () => {
	cleanup();
	await new Promise((done) => setTimeout(done));
	clearMocks();
});

async function connect(token: string): Promise<void> {
	const user = userEvent.setup({ delay: null });
	render(Connect, { provider: 'digitalocean', onclose: vi.fn() });
	await user.click(await screen.findByLabelText('API token', {}, { timeout: 10_000 }));
	await user.paste(token);
	await user.click(screen.getByRole('button', { name: 'Try it and connect' }));
}

test('a token that works is answered by whose it is and what it lacks, and is gone', async () => {
	answer = () => ({
		receipt: { id: 'a', seq: 0 },
		report: {
			owner: 'ada@example.com',
			limits: ['droplets: 25'],
			missing_scopes: ['firewall:create'],
			expires_at: null
		}
	});
	await connect('dop_v1_canary');
	expect(await screen.findByText('ada@example.com')).toBeTruthy();
	expect(screen.getByText('firewall:create')).toBeTruthy();
	expect(document.body.innerHTML).not.toContain('canary');
	const told = sent.filter(([, args]) => JSON.stringify(args).includes('canary'));
	expect(told.map(([command]) => command)).toEqual(['account_connect']);
});

test('a token that is refused has its cause beside its field, and the next step above', async () => {
	answer = () => {
		throw {
			code: 'unauthorized',
			message: 'DigitalOcean does not accept this token.',
			evidence: ['401 unauthorized'],
			next_step: 'Make a new one.',
			retryable: false,
			field: 'token'
		};
	};
	await connect('dop_v1_canary');
	const typed = await screen.findByLabelText('API token');
	expect(typed.getAttribute('aria-invalid')).toBe('true');
	expect(screen.getByText('Make a new one.')).toBeTruthy();
	expect(screen.getByText('401 unauthorized')).toBeTruthy();
});
