import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { expect, test, vi } from 'vitest';
import { events } from '$ipc';
import { closing } from './closing.svelte';

test('the program ends when everything that was typed is kept, also when some of it cannot be', async () => {
	const called: string[] = [];
	mockIPC((command) => void called.push(command), { shouldMockEvents: true });
	await closing.listen();
	let keep = (): void => undefined;
	const kept = [
		closing.atEnd(() => new Promise((done) => (keep = done))),
		closing.atEnd(() => Promise.reject(new Error('the disk is full'))),
		closing.atEnd(async () => void called.push('kept'))
	];
	const over = closing.atEnd(async () => void called.push('of a page that was left'));
	over();
	await events.ending.emit();
	await new Promise((later) => setTimeout(later, 20));
	expect(called).toEqual(['kept']);
	keep();
	await vi.waitFor(() => expect(called).toEqual(['kept', 'window_kept']));
	for (const forget of kept) forget();
	clearMocks();
});
