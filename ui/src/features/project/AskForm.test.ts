import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Refused, type OpenFormView } from '$ipc';
import { closing } from '$models/closing.svelte';
import AskForm from './AskForm.svelte';

const opened: OpenFormView = {
	form: {
		id: 'project',
		fields: [
			{
				name: 'name',
				label: 'Name',
				help: '',
				placeholder: '',
				unit: '',
				group: '',
				required: true,
				kind: { kind: 'text' },
				shown_when: null
			}
		]
	},
	values: { name: '' },
	draft: null
};

let draft: Record<string, string> | null;
let called: string[];

beforeEach(() => {
	draft = null;
	called = [];
	mockIPC((command, args) => {
		called.push(command);
		const values = (args as { values?: Record<string, string> } | undefined)?.values ?? {};
		switch (command) {
			case 'form_open':
				return { ...opened, draft };
			case 'form_check':
				return values['name'] === values['name']?.toLowerCase()
					? []
					: [{ field: 'name', message: 'Lower case only.' }];
			case 'draft_keep':
				draft = values;
				return null;
			case 'draft_forget':
				draft = null;
				return null;
			default:
				return null;
		}
	});
});

afterEach(async () => {
	cleanup();
	await new Promise((done) => setTimeout(done));
	clearMocks();
});

async function ask(send: (values: Record<string, string>) => Promise<void>): Promise<HTMLElement> {
	render(AskForm, { kind: 'project', about: '', submitLabel: 'Create project', send });
	return screen.findByLabelText('Name');
}

test('what the rules refuse is said beside its field and not sent', async () => {
	const user = userEvent.setup();
	const send = vi.fn(() => Promise.resolve());
	const name = await ask(send);
	await user.type(name, 'Shop');
	await user.click(screen.getByRole('button', { name: 'Create project' }));
	await screen.findByText('Lower case only.');
	expect(name.getAttribute('aria-invalid')).toBe('true');
	expect(send).not.toHaveBeenCalled();
});

test('what the engine refuses about a field is said beside it; anything else above the form', async () => {
	const user = userEvent.setup();
	const failure = (field: string): Refused =>
		new Refused({
			code: 'name_taken',
			message: 'There is one already.',
			evidence: [],
			next_step: 'Choose another name.',
			retryable: false,
			field
		});
	const send = vi
		.fn<() => Promise<void>>()
		.mockRejectedValueOnce(failure('name'))
		.mockRejectedValueOnce(failure(''));
	const name = await ask(send);
	await user.type(name, 'shop');
	const button = screen.getByRole('button', { name: 'Create project' });
	await user.click(button);
	await waitFor(() => expect(name.getAttribute('aria-invalid')).toBe('true'));
	await user.click(button);
	await screen.findByText('Choose another name.');
	expect(name.getAttribute('aria-invalid')).not.toBe('true');
	expect((name as HTMLInputElement).value).toBe('shop');
});

test('what was typed before is here again, until somebody starts over', async () => {
	const user = userEvent.setup();
	draft = { name: 'half-typ' };
	const name = await ask(() => Promise.resolve());
	expect((name as HTMLInputElement).value).toBe('half-typ');
	await user.click(screen.getByRole('button', { name: 'Start over' }));
	await waitFor(() => expect((name as HTMLInputElement).value).toBe(''));
	expect(called).toContain('draft_forget');
});

test('a draft is forgotten once it was sent, and not kept again', async () => {
	const user = userEvent.setup();
	const name = await ask(() => Promise.resolve());
	await user.type(name, 'shop');
	await user.click(screen.getByRole('button', { name: 'Create project' }));
	await waitFor(() => expect(called).toContain('draft_forget'));
	cleanup();
	await new Promise((done) => setTimeout(done, 500));
	expect(called.lastIndexOf('draft_keep')).toBeLessThan(called.indexOf('draft_forget'));
});

test('what is typed while the form is being sent stays in it and is kept', async () => {
	const user = userEvent.setup();
	let sent = (): void => undefined;
	const name = await ask(() => new Promise((done) => (sent = done)));
	await user.type(name, 'shop');
	await user.click(screen.getByRole('button', { name: 'Create project' }));
	await waitFor(() => expect(called).toContain('form_check'));
	await user.type(name, '-two');
	sent();
	await waitFor(() => expect(called.at(-1)).toBe('draft_keep'));
	expect((name as HTMLInputElement).value).toBe('shop-two');
	expect(draft).toEqual({ name: 'shop-two' });
});

test('what was refused is kept, however soon after the last letter it was sent', async () => {
	const user = userEvent.setup();
	const name = await ask(() => Promise.resolve());
	await user.type(name, 'Shop{Enter}');
	await screen.findByText('Lower case only.');
	await waitFor(() => expect(draft).toEqual({ name: 'Shop' }));
});

test('a form that is opened again at once waits for what was kept of it', async () => {
	const user = userEvent.setup();
	await user.type(await ask(() => Promise.resolve()), 'half');
	let kept = (): void => undefined;
	mockIPC((command, args) => {
		called.push(command);
		if (command === 'form_open') return { ...opened, draft };
		const { values } = args as { values: Record<string, string> };
		return new Promise((done) => {
			kept = () => done((draft = values) && null);
		});
	});
	called = [];
	cleanup();
	render(AskForm, {
		kind: 'project',
		about: '',
		submitLabel: 'Create project',
		send: () => Promise.resolve()
	});
	await new Promise((done) => setTimeout(done, 20));
	expect(called).toEqual(['draft_keep']);
	kept();
	const name = await screen.findByLabelText('Name');
	expect((name as HTMLInputElement).value).toBe('half');
});

test('what was typed last is kept before the program ends', async () => {
	const user = userEvent.setup();
	const atEnd = vi.spyOn(closing, 'atEnd');
	await user.type(await ask(() => Promise.resolve()), 'half');
	expect(draft).toBeNull();
	await atEnd.mock.calls[0]?.[0]();
	expect(draft).toEqual({ name: 'half' });
});
