import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Writing, type Page, type ReadText } from './writing.svelte';

const disk = new Map<string, string>();
const shown: [string, string | null][] = [];
const kept = new Map<string, ReadText>();
const page = (path: string): Page => ({
	path,
	read: () => {
		const text = disk.get(path);
		return text === undefined
			? Promise.reject(new Error('gone'))
			: Promise.resolve({ text, hash: `hash of ${text}` });
	},
	write: (text, hash) => {
		const there = disk.get(path);
		const known = there === undefined ? null : `hash of ${there}`;
		if (known !== hash)
			return Promise.resolve({
				conflict: there === undefined ? null : { text: there, hash: `hash of ${there}` }
			});
		disk.set(path, text);
		return Promise.resolve({ hash: `hash of ${text}` });
	},
	show: (text) => {
		shown.push([path, text]);
		return Promise.resolve();
	},
	keep: (typed) => {
		if (typed) kept.set(path, typed);
		else kept.delete(path);
		return Promise.resolve();
	},
	kept: () => kept.get(path) ?? null
});

async function opened(path = 'index.html'): Promise<Writing> {
	const writing = new Writing();
	await writing.open(page(path));
	return writing;
}

beforeEach(() => {
	vi.useFakeTimers();
	disk.clear();
	disk.set('index.html', 'one');
	disk.set('style.css', 'p {}');
	shown.length = 0;
	kept.clear();
});
afterEach(() => vi.useRealTimers());

test('the preview follows at a pause in typing, not at every key', async () => {
	const writing = await opened();
	writing.type('one t');
	writing.type('one two');
	expect(shown).toEqual([]);
	await vi.advanceTimersByTimeAsync(200);
	expect(shown).toEqual([['index.html', 'one two']]);
	expect(disk.get('index.html')).toBe('one');
});

test('a save writes over what was read and takes the draft back', async () => {
	const writing = await opened();
	writing.type('two');
	expect(writing.dirty).toBe(true);
	expect(await writing.save()).toBe(true);
	expect(disk.get('index.html')).toBe('two');
	expect(writing.dirty).toBe(false);
	expect(shown.at(-1)).toEqual(['index.html', null]);
});

test('what somebody else wrote is never written over unasked', async () => {
	const writing = await opened();
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
	const writing = await opened();
	writing.type('mine');
	disk.set('index.html', 'theirs');
	await writing.save();
	await writing.settle('theirs');
	expect(writing.text).toBe('theirs');
	expect(writing.dirty).toBe(false);
});

test('a file that was removed meanwhile is written anew when that is asked for', async () => {
	const writing = await opened();
	writing.type('mine');
	disk.delete('index.html');
	expect(await writing.save()).toBe(false);
	expect(writing.conflict).toBeNull();
	expect(await writing.settle('mine')).toBe(true);
	expect(disk.get('index.html')).toBe('mine');
});

test('what changes on disk is shown at once, and beside what was typed, never over it', async () => {
	const writing = await opened();
	disk.set('index.html', 'theirs');
	await writing.changed();
	expect(writing.text).toBe('theirs');
	writing.type('mine');
	disk.set('index.html', 'theirs again');
	await writing.changed();
	expect(writing.text).toBe('mine');
	expect(writing.conflict?.text).toBe('theirs again');
});

test('what was typed is kept when another file is opened, and is there again', async () => {
	const writing = await opened();
	writing.type('one, and more');
	await writing.open(page('style.css'));
	expect(shown).toEqual([['index.html', 'one, and more']]);
	expect(writing.dirty).toBe(false);
	await writing.open(page('index.html'));
	expect([writing.text, writing.dirty]).toEqual(['one, and more', true]);
	expect(await writing.save()).toBe(true);
	expect(disk.get('index.html')).toBe('one, and more');
	expect(kept.size).toBe(0);
	expect(shown.at(-1)).toEqual(['index.html', null]);
});

test('what was typed is kept at a pause, over the end of the program', async () => {
	const writing = await opened();
	writing.type('one, and more');
	await vi.advanceTimersByTimeAsync(700);
	expect((await opened()).text).toBe('one, and more');
	writing.type('one');
	await vi.advanceTimersByTimeAsync(700);
	expect(kept.size).toBe(0);
});

test('what was typed into a text that another program wrote since is shown beside it', async () => {
	kept.set('index.html', { text: 'mine', hash: 'hash of something older' });
	const writing = await opened();
	expect([writing.text, writing.conflict?.text]).toEqual(['mine', 'one']);
	expect(await writing.settle('mine')).toBe(true);
	expect(disk.get('index.html')).toBe('mine');
});
