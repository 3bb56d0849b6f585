import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { flushSync } from 'svelte';
import { expect, test } from 'vitest';
import { Workspace } from './workspace.svelte';

test('the project’s own folder is watched while nothing in it is opened', async () => {
	const asked: unknown[] = [];
	mockIPC((command, args) => {
		if (command === 'file_watch') asked.push((args as { folders: string[] }).folders);
		return command === 'file_watch' ? 1 : [];
	});
	const stop = $effect.root(() => new Workspace('p').watch());
	flushSync();
	await Promise.resolve();
	expect(asked).toEqual([['']]);
	stop();
	clearMocks();
});
