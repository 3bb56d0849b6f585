import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import Form from './Form.svelte';
import type { FieldModel, FormModel } from './form/types';

const field = (rest: Partial<FieldModel> & Pick<FieldModel, 'name' | 'label'>): FieldModel => ({
	help: '',
	placeholder: '',
	unit: '',
	group: '',
	required: true,
	kind: { kind: 'text' },
	shown_when: null,
	...rest
});
const model: FormModel = {
	id: 'service',
	fields: [
		field({ name: 'name', label: 'Name', help: 'Lower case.' }),
		field({ name: 'public', label: 'Reached from outside', kind: { kind: 'toggle' } }),
		field({
			name: 'port',
			label: 'Port',
			kind: { kind: 'number', min: 1, max: 65_535, decimals: 0 },
			shown_when: { field: 'public', values: ['true'] }
		}),
		field({ name: 'token', label: 'Token', kind: { kind: 'secret' } }),
		field({ name: 'hosts', label: 'Names', kind: { kind: 'list' }, required: false })
	]
};

test('an error stands beside its field, is said with it, and takes the focus', async () => {
	const user = userEvent.setup();
	const errors: { field: string; message: string }[] = [];
	const { rerender } = render(Form, { model, errors, onsubmit: () => undefined });
	await rerender({ errors: [{ field: 'name', message: 'A name is needed.' }] });
	const input = screen.getByLabelText('Name');
	expect(input.getAttribute('aria-invalid')).toBe('true');
	const said = (input.getAttribute('aria-describedby') ?? '')
		.split(' ')
		.map((id) => document.getElementById(id)?.textContent.trim());
	expect(said).toEqual(['A name is needed.', 'Lower case.']);
	await user.click(screen.getByRole('button', { name: 'Save' }));
	expect(document.activeElement).toBe(input);
});

test('a question appears when another calls for it', async () => {
	const user = userEvent.setup();
	render(Form, { model, onsubmit: () => undefined });
	expect(screen.queryByLabelText('Port')).toBeNull();
	await user.click(screen.getByLabelText('Reached from outside'));
	expect(screen.getByLabelText('Port')).toBeTruthy();
});

test('what was typed is handed over as it stands, lists one a line', async () => {
	const user = userEvent.setup();
	const onsubmit = vi.fn();
	render(Form, { model, values: { name: 'web' }, onsubmit });
	await user.click(screen.getByRole('button', { name: 'Add to Names' }));
	await user.keyboard('a.example{Enter}b.example');
	await user.type(screen.getByLabelText('Name'), '2');
	await user.click(screen.getByRole('button', { name: 'Save' }));
	expect(onsubmit).toHaveBeenCalledWith({ name: 'web2', hosts: 'a.example\nb.example' });
});

test('a draft is told when the typing pauses, and never holds a secret', async () => {
	const user = userEvent.setup();
	const ondraft = vi.fn();
	const { unmount } = render(Form, { model, ondraft, onsubmit: () => undefined });
	const token = screen.getByLabelText('Token');
	expect(token.getAttribute('type')).toBe('password');
	await user.type(token, 'hunter2');
	await user.type(screen.getByLabelText('Name'), 'web');
	unmount();
	expect(ondraft).toHaveBeenLastCalledWith({ name: 'web' });
});

test('while it is busy it is not sent twice', async () => {
	const user = userEvent.setup();
	const onsubmit = vi.fn();
	render(Form, { model, busy: true, onsubmit });
	await user.click(screen.getByRole('button', { name: 'Save' }));
	await user.type(screen.getByLabelText('Name'), '{Enter}');
	expect(onsubmit).not.toHaveBeenCalled();
});
