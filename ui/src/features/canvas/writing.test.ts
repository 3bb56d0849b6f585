import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Refused } from '$ipc';
import { Writing, type Page, type ReadText } from './writing.svelte';

const disk = new Map<string, string>();
const shown: [string, string | null][] = [];
const kept = new Map<string, ReadText>();
const missing = new Refused({
	code: 'file_missing',
	message: '',
	evidence: [],
	next_step: '',
	retryable: false,
	field: ''
});
const page = (path: string): Page => ({
	path,
	whole: path,
	read: () => {
		const text = disk.get(path);
		return text === undefined
			? Promise.reject(missing)
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

/** Holds an answer back until the returned function is called. */
function held<T>(answer: T): { answer: Promise<T>; come: () => void } {
	let come = (): void => undefined;
	const waits = new Promise<void>((done) => (come = done));
	return { answer: waits.then(() => answer), come };
}

test('what is typed while another file is opened is kept', async () => {
	const writing = await opened();
	const read = held({ text: 'p {}', hash: 'hash of p {}' });
	const opening = writing.open({ ...page('style.css'), read: () => read.answer });
	writing.type('one, and more');
	read.come();
	await opening;
	expect([writing.path, writing.text, writing.dirty]).toEqual(['style.css', 'p {}', false]);
	expect(kept.get('index.html')?.text).toBe('one, and more');
	await writing.open(page('index.html'));
	expect(writing.text).toBe('one, and more');
});

test('what was typed and taken back is not there again after another file was opened', async () => {
	const writing = await opened();
	writing.type('one, and more');
	await vi.advanceTimersByTimeAsync(700);
	writing.type('one');
	await writing.open(page('style.css'));
	expect(kept.size).toBe(0);
});

test('who types without a pause loses no more than who pauses', async () => {
	const writing = await opened();
	for (let letters = 'a'; letters.length < 20; letters += 'a') {
		writing.type(letters);
		await vi.advanceTimersByTimeAsync(100);
	}
	expect(kept.get('index.html')?.text.length).toBeGreaterThan(10);
});

test('two saves at once do not meet each other, and the second saves what was typed since', async () => {
	const writing = await opened();
	writing.type('two');
	const first = writing.save();
	writing.type('three');
	expect(await Promise.all([first, writing.save()])).toEqual([true, true]);
	expect(disk.get('index.html')).toBe('three');
	expect([writing.dirty, writing.conflict]).toEqual([false, undefined]);
});

test('what was read before the end of a save shows nothing older than what is saved', async () => {
	const read = held({ text: 'one', hash: 'hash of one' });
	const writing = new Writing();
	const reads = vi.fn(page('index.html').read);
	await writing.open({ ...page('index.html'), read: reads });
	reads.mockReturnValueOnce(read.answer);
	const look = writing.changed();
	writing.type('two');
	await writing.save();
	read.come();
	await look;
	expect([writing.text, writing.dirty]).toEqual(['two', false]);
});

test('what is typed during a save and left behind is kept as typed into what is saved', async () => {
	const writing = new Writing();
	const done = held(undefined);
	const own = page('index.html');
	await writing.open({
		...own,
		write: async (text, hash) => {
			const saved = await own.write(text, hash);
			await done.answer;
			return saved;
		}
	});
	writing.type('two');
	const save = writing.save();
	writing.type('two, and more');
	await writing.open(page('style.css'));
	expect(kept.get('index.html')?.hash).toBe('hash of one');
	done.come();
	expect(await save).toBe(true);
	expect(kept.get('index.html')).toEqual({ text: 'two, and more', hash: 'hash of two' });
	await writing.open(page('index.html'));
	expect([writing.text, writing.conflict]).toEqual(['two, and more', undefined]);
});

test('a file that another program removed is told of, whether something was typed or not', async () => {
	const writing = await opened();
	disk.delete('index.html');
	await writing.changed();
	expect(writing.conflict).toBeNull();
	disk.set('index.html', 'one');
	await writing.changed();
	expect(writing.conflict).toBeUndefined();
});

test('what was typed is kept when the page is left, and previews elsewhere show the disk', async () => {
	const writing = await opened();
	writing.type('one, and more');
	await writing.rest();
	expect(kept.get('index.html')?.text).toBe('one, and more');
	await vi.advanceTimersByTimeAsync(1_000);
	expect(shown).toEqual([['index.html', null]]);
});
