import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Writing, type Desk } from './writing.svelte';

const disk = new Map<string, string>();
const drafts: [string, string | null][] = [];
/** What was typed in a page that was lost. */
const left = new Map<string, string>();
const desk: Desk = {
	read: (path) => {
		const text = disk.get(path);
		return text === undefined
			? Promise.reject(new Error('gone'))
			: Promise.resolve({ text, hash: `hash of ${text}` });
	},
	write: (path, text, hash) => {
		const there = disk.get(path);
		const known = there === undefined ? null : `hash of ${there}`;
		if (known !== hash)
			return Promise.resolve({
				conflict: there === undefined ? null : { text: there, hash: `hash of ${there}` }
			});
		disk.set(path, text);
		return Promise.resolve({ hash: `hash of ${text}` });
	},
	draft: (path, text) => {
		drafts.push([path, text]);
		return Promise.resolve();
	},
	drafted: (path) => Promise.resolve(left.get(path) ?? null)
};

beforeEach(() => {
	vi.useFakeTimers();
	disk.clear();
	disk.set('index.html', 'one');
	drafts.length = 0;
	left.clear();
});
afterEach(() => vi.useRealTimers());

test('the preview follows at a pause in typing, not at every key', async () => {
	const writing = new Writing(desk);
	await writing.open('index.html');
	writing.type('one t');
	writing.type('one two');
	expect(drafts).toEqual([]);
	await vi.advanceTimersByTimeAsync(200);
	expect(drafts).toEqual([['index.html', 'one two']]);
	expect(disk.get('index.html')).toBe('one');
});

test('a save writes over what was read and takes the draft back', async () => {
	const writing = new Writing(desk);
	await writing.open('index.html');
	writing.type('two');
	expect(writing.dirty).toBe(true);
	expect(await writing.save()).toBe(true);
	expect(disk.get('index.html')).toBe('two');
	expect(writing.dirty).toBe(false);
	expect(drafts.at(-1)).toEqual(['index.html', null]);
});

test('what somebody else wrote is never written over unasked', async () => {
	const writing = new Writing(desk);
	await writing.open('index.html');
	writing.type('mine');
	disk.set('index.html', 'theirs');
	expect(await writing.save()).toBe(false);
	expect(disk.get('index.html')).toBe('theirs');
	expect(writing.conflict?.text).toBe('theirs');
	expect(writing.text).toBe('mine');
	expect(await writing.settle('mine')).toBe(true);
	expect(disk.get('index.html')).toBe('mine');
});

test('a conflict can be settled by what is on disk', async () => {
	const writing = new Writing(desk);
	await writing.open('index.html');
	writing.type('mine');
	disk.set('index.html', 'theirs');
	await writing.save();
	await writing.settle('theirs');
	expect(writing.text).toBe('theirs');
	expect(writing.dirty).toBe(false);
});

test('a file that was removed meanwhile is written anew when that is asked for', async () => {
	const writing = new Writing(desk);
	await writing.open('index.html');
	writing.type('mine');
	disk.delete('index.html');
	expect(await writing.save()).toBe(false);
	expect(writing.conflict).toBeNull();
	expect(await writing.settle('mine')).toBe(true);
	expect(disk.get('index.html')).toBe('mine');
});

test('what changes on disk is shown at once, but not over what was typed', async () => {
	const writing = new Writing(desk);
	await writing.open('index.html');
	disk.set('index.html', 'theirs');
	await writing.changed();
	expect(writing.text).toBe('theirs');
	writing.type('mine');
	disk.set('index.html', 'theirs again');
	await writing.changed();
	expect(writing.text).toBe('mine');
});

test('what was typed before the page was lost is there again, not saved', async () => {
	left.set('index.html', 'one, and more');
	const writing = new Writing(desk);
	await writing.open('index.html');
	expect(writing.text).toBe('one, and more');
	expect(writing.dirty).toBe(true);
	expect(await writing.save()).toBe(true);
	expect(disk.get('index.html')).toBe('one, and more');
});
