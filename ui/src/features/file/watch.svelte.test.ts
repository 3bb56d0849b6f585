import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { flushSync } from 'svelte';
import { expect, test, vi } from 'vitest';
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

test('what was typed before is shown when the page opens the same file while it begins', async () => {
	const reads: (() => void)[] = [];
	mockIPC((command) => {
		if (command === 'file_drafts')
			return [{ path: 'a.txt', text: 'typed', ending: 'lf', has_mark: false, seen: 'one' }];
		if (command !== 'file_read') return [];
		return new Promise((answer) =>
			reads.push(() =>
				answer({
					content: { kind: 'text', text: 'saved', ending: 'lf', has_mark: false },
					bytes: 5,
					hash: 'one',
					is_readonly: false
				})
			)
		);
	});
	const workspace = new Workspace('p');
	const begun = workspace.begin();
	workspace.open('a.txt');
	void workspace.look();
	await vi.waitFor(() => expect(reads.length).toBeGreaterThan(0));
	await new Promise((later) => setTimeout(later, 20));
	for (const answer of reads) answer();
	reads.length = 0;
	await vi.waitFor(() => expect(workspace.tab('a.txt')?.content).not.toBeNull());
	await begun;
	expect(workspace.tab('a.txt')?.text).toBe('typed');
	clearMocks();
});

test('a file that is moved is shown still, where nobody but its page knows which one that is', async () => {
	mockIPC((command) => {
		if (command === 'file_move') return null;
		if (command !== 'file_read') return [];
		return {
			content: { kind: 'text', text: '', ending: 'lf', has_mark: false },
			bytes: 0,
			hash: 'one',
			is_readonly: false
		};
	});
	const workspace = new Workspace('moved');
	workspace.open('src/a.txt');
	workspace.shown = 'src/a.txt';
	await workspace.move('src', 'lib');
	expect(workspace.tab(workspace.shown)?.path).toBe('lib/a.txt');
	clearMocks();
});
