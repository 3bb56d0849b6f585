import { emit } from '@tauri-apps/api/event';
import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { afterEach, expect, test, vi } from 'vitest';
import type { DeskStateView, DeskView } from '$ipc';
import { desk } from './desk.svelte';
import { projects } from './project.svelte';

/** A desk on which there is nothing but this: rows of every other noun are none. */
const holding = (some: Partial<DeskView>): DeskView =>
	new Proxy({ seq: 1, start_path: null, ...some } as DeskView, {
		get: (view, name) => (name in view ? Reflect.get(view, name) : [])
	});

const project = (name: string) => ({
	id: name,
	name,
	active_version_id: null,
	created_at: '2026-11-21T09:00:00.000Z'
});

afterEach(() => {
	vi.useRealTimers();
	clearMocks();
});

test('what was opened anew behind the page is loaded anew, and a locked keychain waits', async () => {
	let state: DeskStateView = { state: 'open' };
	let loaded = holding({ projects: [project('old')] });
	mockIPC(
		(command) => {
			if (command === 'desk_state') return state;
			if (command !== 'desk_load') return undefined;
			if (state.state === 'open') return loaded;
			throw { code: 'keychain_locked', message: '', evidence: [], next_step: '', field: '' };
		},
		{ shouldMockEvents: true }
	);
	const became = async (now: DeskStateView) => emit('desk-changed', { state: now });

	await desk.open();
	expect(desk.phase).toBe('open');
	expect(projects.all.map((row) => row.name)).toEqual(['old']);

	loaded = holding({ projects: [project('restored')] });
	await became({ state: 'opening', asking_keychain: false });
	await vi.waitFor(() => expect(projects.all.map((row) => row.name)).toEqual(['restored']));

	state = { state: 'locked', vault: true, failure: {} } as unknown as DeskStateView;
	await became({ state: 'opening', asking_keychain: true });
	await vi.waitFor(() => expect(desk.phase).toBe('locked'));
	expect(desk.vault).toBe(true);

	state = { state: 'open' };
	await became({ state: 'open' });
	await vi.waitFor(() => expect(desk.phase).toBe('open'));
});

/** Opens a desk whose first answers never come; tells how often it was asked. */
async function deaf(answered: (time: number) => unknown): Promise<number> {
	vi.useFakeTimers();
	let times = 0;
	mockIPC(
		(command) => {
			if (command === 'desk_state') return { state: 'open' };
			return command === 'desk_load' ? answered((times += 1)) : undefined;
		},
		{ shouldMockEvents: true }
	);
	const opened = desk.open();
	await vi.advanceTimersByTimeAsync(120_000);
	await opened;
	return times;
}

const never = new Promise(() => undefined);

test('an answer that was lost is asked for again', async () => {
	const view = holding({ projects: [project('found')] });
	expect(await deaf((time) => (time === 1 ? never : view))).toBe(2);
	expect(desk.phase).toBe('open');
	expect(projects.all.map((row) => row.name)).toEqual(['found']);
});

test('a window that nobody answers says so and what to do about it', async () => {
	expect(await deaf(() => never)).toBe(3);
	expect(desk.phase).toBe('failed');
	expect(desk.failure).toMatchObject({ code: 'no_answer' });
	expect(desk.failure?.next_step).toContain('Load the window again');
});

test('a window that nobody answers at all does not wait for ever to say so', async () => {
	vi.useFakeTimers();
	mockIPC((command) => (command.startsWith('desk_') ? never : undefined), {
		shouldMockEvents: true
	});
	const opened = desk.open();
	await vi.advanceTimersByTimeAsync(120_000);
	await opened;
	expect(desk.phase).toBe('failed');
	expect(desk.failure?.code).toBe('no_answer');
});

test('whoever waits for a change is answered when everything is loaded with it', async () => {
	mockIPC((command) => (command === 'desk_load' ? holding({ seq: 7 }) : undefined), {
		shouldMockEvents: true
	});
	const written = desk.written({ id: 'it', seq: 7 });
	await desk.open();
	expect(await written).toBe('it');
});

test('an opening may take as long as it takes', async () => {
	vi.useFakeTimers();
	let state: DeskStateView = { state: 'opening', asking_keychain: true };
	let open: (view: DeskView) => void = () => undefined;
	mockIPC(
		(command) => {
			if (command === 'desk_state') return state;
			return command === 'desk_load' ? new Promise<DeskView>((done) => (open = done)) : undefined;
		},
		{ shouldMockEvents: true }
	);
	const opened = desk.open();
	await vi.advanceTimersByTimeAsync(600_000);
	expect(desk.phase).toBe('opening');
	state = { state: 'open' };
	open(holding({}));
	await opened;
	expect(desk.phase).toBe('open');
});
