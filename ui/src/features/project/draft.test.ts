import { describe, expect, it } from 'vitest';
import { begun } from './draft';
import type { OpenFormView } from '$ipc';

const opened = (draft: Record<string, string> | null): OpenFormView => ({
	form: { id: 'service_settings', fields: [] },
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
