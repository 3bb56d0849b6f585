import { afterEach, expect, test, vi } from 'vitest';
import { Preview } from './preview.svelte';

const ours = { plimsoll: 'canvas', version: 1 };

interface Framed {
	preview: Preview;
	frame: HTMLIFrameElement;
	detach: () => void;
	silences: string[];
}

function framed(): Framed {
	const frame = document.createElement('iframe');
	document.body.append(frame);
	const preview = new Preview(() => 'now');
	const silences: string[] = [];
	const detach = preview.attach(frame, () => silences.push('silent'));
	return { preview, frame, detach, silences };
}

function tell(source: Window | null, origin: string, data: unknown): void {
	window.dispatchEvent(new MessageEvent('message', { source, origin, data }));
}

afterEach(() => document.body.replaceChildren());

test('only the page in the frame is heard, and only without an origin', () => {
	const { preview, frame, detach } = framed();
	const message = { ...ours, kind: 'console', level: 'log', text: 'hello' };
	tell(window, 'null', message);
	tell(frame.contentWindow, 'tauri://localhost', message);
	tell(null, 'null', message);
	expect(preview.said).toEqual([]);
	tell(frame.contentWindow, 'null', message);
	expect(preview.said).toEqual([{ at: 'now', level: 'log', text: 'hello' }]);
	detach();
	tell(frame.contentWindow, 'null', message);
	expect(preview.said).toHaveLength(1);
});

test('a page that talks without end does not fill the memory', () => {
	const { preview, frame } = framed();
	for (let n = 0; n < 1_200; n += 1)
		tell(frame.contentWindow, 'null', { ...ours, kind: 'failed', address: `${n}`, why: '404' });
	expect(preview.failed).toHaveLength(500);
	expect(preview.failed.at(-1)?.address).toBe('1199');
});

test('scroll and fields are given back to the page after a reload', () => {
	const { frame } = framed();
	const given: unknown[] = [];
	const inside = frame.contentWindow;
	if (!inside) throw new Error('the frame has no window');
	inside.postMessage = (message: unknown): void => void given.push(message);
	tell(inside, 'null', { ...ours, kind: 'reloading', memory: '{"y":40}' });
	tell(inside, 'null', { ...ours, kind: 'ready', path: 'index.html', title: '' });
	tell(inside, 'null', { ...ours, kind: 'ready', path: 'index.html', title: '' });
	expect(given).toEqual([{ ...ours, kind: 'remember', memory: '{"y":40}' }]);
});

test('what one page said and missed is not told of the next', () => {
	const { preview, frame } = framed();
	const inside = frame.contentWindow;
	const wrong = (): void => {
		tell(inside, 'null', { ...ours, kind: 'console', level: 'error', text: 'wrong' });
		tell(inside, 'null', { ...ours, kind: 'failed', address: 'a.svg', why: '404' });
	};
	wrong();
	tell(inside, 'null', { ...ours, kind: 'reloading', memory: '' });
	expect([preview.said, preview.failed]).toEqual([[], []]);
	wrong();
	preview.attach(frame, () => undefined);
	expect([preview.said, preview.failed]).toEqual([[], []]);
});

test('a page that was there and answers no more is told of, once', () => {
	vi.useFakeTimers();
	const { frame, detach, silences } = framed();
	vi.advanceTimersByTime(60_000);
	expect(silences).toEqual([]);
	tell(frame.contentWindow, 'null', { ...ours, kind: 'ready', path: 'index.html', title: '' });
	for (let second = 0; second < 60; second += 1) {
		vi.advanceTimersByTime(1_000);
		tell(frame.contentWindow, 'null', { ...ours, kind: 'heard' });
	}
	expect(silences).toEqual([]);
	vi.advanceTimersByTime(9_000);
	expect(silences).toEqual([]);
	vi.advanceTimersByTime(60_000);
	expect(silences).toEqual(['silent']);
	detach();
	vi.useRealTimers();
});

test('a page that does not come is told of until it does', () => {
	vi.useFakeTimers();
	const { preview, frame, detach } = framed();
	vi.advanceTimersByTime(7_000);
	expect(preview.late).toBe(false);
	vi.advanceTimersByTime(2_000);
	expect(preview.late).toBe(true);
	tell(frame.contentWindow, 'null', { ...ours, kind: 'ready', path: 'index.html', title: '' });
	expect(preview.late).toBe(false);
	tell(frame.contentWindow, 'null', { ...ours, kind: 'reloading', memory: '' });
	vi.advanceTimersByTime(9_000);
	expect(preview.late).toBe(true);
	detach();
	expect(preview.late).toBe(false);
	vi.useRealTimers();
});

test('that everything may have changed while a page came is not forgotten for what changes then', () => {
	const { preview, frame, detach } = framed();
	const told: unknown[] = [];
	if (!frame.contentWindow) throw new Error('a frame has a window');
	frame.contentWindow.postMessage = (telling: unknown) => told.push(telling);
	preview.changed(['style.css']);
	preview.changed([]);
	preview.changed(['index.html']);
	tell(frame.contentWindow, 'null', { ...ours, kind: 'ready', path: 'index.html', title: '' });
	expect(told).toContainEqual(expect.objectContaining({ kind: 'changed', paths: [] }));
	detach();
});
