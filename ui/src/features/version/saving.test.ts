import { expect, test, vi } from 'vitest';
import type { SavingNewsView } from '$ipc';
import { Saving } from './saving.svelte';

const told = vi.hoisted(() => ({
	channel: null as { onmessage: (news: SavingNewsView) => void } | null,
	stopped: [] as number[]
}));
vi.mock('$ipc', () => ({
	api: {
		versionSave: (_project: string, _message: string, channel: never) => {
			told.channel = channel;
			return Promise.resolve(7);
		},
		streamStop: (number: number) => {
			told.stopped.push(number);
			return Promise.resolve(null);
		}
	},
	Channel: class {
		onmessage = (): void => undefined;
	},
	refusedFrom: (error: unknown) => error
}));

const tell = (news: SavingNewsView): void => told.channel?.onmessage(news);

test('a save tells how far it is and what Windows could not keep', async () => {
	const saving = new Saving();
	const saved = saving.run('p', 'first');
	await Promise.resolve();
	tell({ kind: 'seen', files: 3, bytes_read: 90 });
	expect([saving.busy, saving.files, saving.bytesRead]).toEqual([true, 3, 90]);
	const receipt = { id: 'v', seq: 4 };
	tell({ kind: 'saved', receipt, refused_by_windows: ['aux.c: it is the name of a device'] });
	expect(await saved).toEqual({ receipt, foreign: ['aux.c: it is the name of a device'] });
	expect(saving.busy).toBe(false);
});

test('a save that is stopped ends its stream; one that was done before is told all the same', async () => {
	const saving = new Saving();
	const saved = saving.run('p', '');
	await Promise.resolve();
	await Promise.resolve();
	saving.stop();
	expect(told.stopped).toEqual([7]);
	expect(saving.busy).toBe(false);
	const receipt = { id: 'v', seq: 4 };
	tell({ kind: 'saved', receipt, refused_by_windows: [] });
	expect(await saved).toEqual({ receipt, foreign: [] });
	expect(saving.busy).toBe(false);
	expect(saving.failure).toBe(null);
});

test('what refuses a save is kept until somebody tries again', async () => {
	const saving = new Saving();
	const saved = saving.run('p', '');
	await Promise.resolve();
	const failure = { code: 'nothing_changed', message: 'Nothing was changed.', evidence: [] };
	tell({
		kind: 'failed',
		failure: { ...failure, next_step: '', retryable: false, field: '' }
	});
	expect(await saved).toBe(null);
	expect(saving.failure?.code).toBe('nothing_changed');
});
