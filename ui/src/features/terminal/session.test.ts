import { api, type Channel } from '$ipc';
import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { afterEach, describe, expect, it } from 'vitest';
import { Session, type Opening } from './session.svelte';

/** As long as acknowledgements are gathered. */
const pause = (): Promise<void> => new Promise((done) => setTimeout(done, 40));
const tick = (): Promise<void> => new Promise((done) => setTimeout(done, 0));

interface Call {
	command: string;
	args: Record<string, unknown>;
}

function opened() {
	const calls: Call[] = [];
	let bytes: Channel<unknown> | undefined;
	let end: Channel<unknown> | undefined;
	mockIPC((command, args) => {
		const given = args as Record<string, unknown>;
		calls.push({ command, args: given });
		if (command === 'terminal_open') {
			bytes = given['bytes'] as Channel<unknown>;
			end = given['end'] as Channel<unknown>;
			return 7;
		}
		return null;
	});
	const waiting: (() => void)[] = [];
	const screen = { write: (_: Uint8Array, shown: () => void) => void waiting.push(shown) };
	const opening: Opening = (size, bytes, end) => api.terminalOpen('server', size, bytes, end);
	const session = new Session(opening, screen, { columns: 80, rows: 24 });
	return {
		session,
		calls,
		waiting,
		send: (length: number) => bytes?.onmessage(new ArrayBuffer(length)),
		finish: (told: unknown) => end?.onmessage(told),
		asked: (command: string) => calls.filter((call) => call.command === command)
	};
}

afterEach(async () => {
	await tick();
	clearMocks();
});

describe('a terminal', () => {
	it('says what was shown only when it was shown', async () => {
		const { session, waiting, send, asked } = opened();
		await tick();
		expect(session.phase).toBe('open');
		for (let n = 0; n < 4; n += 1) send(8 * 1024);
		await tick();
		expect(asked('terminal_ack')).toHaveLength(0);
		waiting.splice(0, 2).forEach((shown) => shown());
		await pause();
		waiting.splice(0).forEach((shown) => shown());
		await pause();
		expect(asked('terminal_ack').map(({ args }) => args['total'])).toEqual([16 * 1024, 32 * 1024]);
	});

	it('ends when its last bytes have been shown, also when the end came first', async () => {
		const { session, waiting, send, finish } = opened();
		await tick();
		finish({ bytes: 5, status: 3, failure: null });
		expect(session.phase).toBe('open');
		send(5);
		waiting.splice(0).forEach((shown) => shown());
		expect(session.phase).toBe('ended');
		expect(session.status).toBe(3);
	});

	it('sends keys in their order and none after the end', async () => {
		const { session, asked, finish } = opened();
		await tick();
		['l', 's', '\r'].forEach((key) => session.type(key));
		await tick();
		await tick();
		expect(asked('terminal_write').map(({ args }) => args['text'])).toEqual(['l', 's', '\r']);
		finish({ bytes: 0, status: 0, failure: null });
		session.type('x');
		await tick();
		expect(asked('terminal_write')).toHaveLength(3);
	});

	it('tells a new size once', async () => {
		const { session, asked } = opened();
		await tick();
		session.resize({ columns: 80, rows: 24 });
		session.resize({ columns: 100, rows: 30 });
		session.resize({ columns: 100, rows: 30 });
		await tick();
		expect(asked('terminal_resize').map(({ args }) => args['size'])).toEqual([
			{ columns: 100, rows: 30 }
		]);
	});

	it('hangs up when its pane goes', async () => {
		const { session, asked } = opened();
		session.close();
		await tick();
		expect(asked('terminal_close')).toHaveLength(1);
	});
});
