import { describe, expect, it } from 'vitest';
import { begun, typedIn } from './draft';
import type { FormView, OpenFormView } from '$ipc';

const form = (...names: string[]): FormView => ({
	id: 'service_settings',
	fields: names.map((name) => ({
		name,
		label: name,
		help: '',
		placeholder: '',
		unit: '',
		group: '',
		required: false,
		kind: { kind: 'text' },
		shown_when: null
	}))
});

const opened = (draft: Record<string, string> | null): OpenFormView => ({
	form: form('port', 'name'),
	values: { port: '80', name: 'web' },
	draft
});

describe('what a form begins with', () => {
	it('is how things are where nothing was typed', () => {
		expect(begun(opened(null), {}, false)).toEqual({
			values: { port: '80', name: 'web' },
			restored: false
		});
	});

	it('is what was typed, over how things are', () => {
		expect(begun(opened({ port: '3000' }), {}, false)).toEqual({
			values: { port: '3000', name: 'web' },
			restored: true
		});
	});

	it('says nothing of a draft that changes nothing', () => {
		expect(begun(opened({ port: '80' }), {}, false).restored).toBe(false);
	});

	it('is how things are when somebody starts over', () => {
		expect(begun(opened({ port: '3000' }), { name: 'api' }, true)).toEqual({
			values: { port: '80', name: 'api' },
			restored: false
		});
	});
});

describe('what is kept of a form', () => {
	it('is what was typed, and nothing that others may change meanwhile', () => {
		const now = { port: '3000', name: 'web' };
		expect(typedIn(opened(null), {}, form('port', 'name'), now)).toEqual({ port: '3000' });
	});

	it('is also what was typed elsewhere into what it does not ask, which it sends nowhere', () => {
		const there = opened({ port: '3000' });
		expect(begun(there, {}, false, form('name')).values).toEqual({ port: '80', name: 'web' });
		const now = { port: '80', name: 'api' };
		expect(typedIn(there, {}, form('name'), now)).toEqual({ port: '3000', name: 'api' });
		expect(typedIn(there, {}, form('name'), {})).toEqual({ port: '3000' });
	});
});
