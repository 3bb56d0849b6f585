import { expect, test, vi } from 'vitest';
import {
	Refused,
	type DraftView,
	type FileReadView,
	type NewTextView,
	type TreeEntryView
} from '$ipc';
import { Tab, type Files } from './tab.svelte';
import { Tree } from './tree.svelte';

/** A disk with one file on it, and what was asked of it. */
class Disk implements Files {
	text: string | null = 'one\n';
	draft: DraftView | null = null;
	writes: (string | null)[] = [];

	async read(): Promise<FileReadView> {
		if (this.text === null) throw missing();
		return {
			content: { kind: 'text', text: this.text, ending: 'lf', has_mark: false },
			bytes: this.text.length,
			hash: `hash of ${this.text}`,
			is_readonly: false
		};
	}
	async write(_: string, { text }: NewTextView, seen: string | null): ReturnType<Files['write']> {
		this.writes.push(seen);
		const now = this.text === null ? null : await this.read();
		if ((now?.hash ?? null) !== seen) return { outcome: 'conflict', on_disk: now };
		this.text = text;
		this.draft = null;
		return { outcome: 'done', hash: `hash of ${text}`, bytes: text.length };
	}
	async load(): Promise<void> {}
	kept(path: string): DraftView | undefined {
		return this.draft?.path === path ? this.draft : undefined;
	}
	async keep(draft: DraftView): Promise<void> {
		this.draft = draft;
	}
	async move(_: string, path: string): Promise<void> {
		if (this.draft) this.draft = { ...this.draft, path };
	}
	async forget(): Promise<void> {
		this.draft = null;
	}
}

const missing = (): Refused =>
	new Refused({
		code: 'file_missing',
		message: '',
		evidence: [],
		next_step: '',
		retryable: false,
		field: ''
	});

async function opened(disk: Disk): Promise<Tab> {
	const tab = new Tab(disk, 'a.txt');
	await tab.look();
	return tab;
}

test('of two looks at once the later one counts, whichever ends first', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	const seen = vi.spyOn(disk, 'read');
	const ends: (() => void)[] = [];
	seen.mockImplementation(async () => {
		const read = await Disk.prototype.read.call(disk);
		await new Promise<void>((end) => ends.push(end));
		return read;
	});
	disk.text = 'two\n';
	const first = tab.look();
	await vi.waitFor(() => expect(ends.length).toBe(1));
	disk.text = 'three\n';
	const second = tab.look();
	await vi.waitFor(() => expect(ends.length).toBe(2));
	ends[1]?.();
	await second;
	ends[0]?.();
	await first;
	expect(tab.text).toBe('three\n');
});

test('what another program writes shows at once where nothing was typed', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	disk.text = 'two\n';
	await tab.look();
	expect(tab.text).toBe('two\n');
	expect(tab.unsaved).toBe(false);
	tab.change('three\n');
	expect(tab.unsaved).toBe(true);
	expect(await tab.save()).toBe(true);
	expect(disk.text).toBe('three\n');
	expect(tab.unsaved).toBe(false);
});

test('what another program writes over what was typed is shown and overwrites nothing', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	tab.change('mine\n');
	disk.text = 'theirs\n';
	await tab.look();
	expect(tab.conflict?.hash).toBe('hash of theirs\n');
	expect(await tab.save()).toBe(false);
	expect(disk.text).toBe('theirs\n');
	expect(await tab.keepMine()).toBe(true);
	expect(disk.text).toBe('mine\n');
	expect(tab.conflict).toBeNull();
});

test('a save over what nobody saw is a conflict, too, and theirs can be taken', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	tab.change('mine\n');
	disk.text = 'theirs\n';
	expect(await tab.save()).toBe(false);
	await tab.takeTheirs();
	expect(tab.text).toBe('theirs\n');
	expect(tab.unsaved).toBe(false);
	// Keeping one's own meets what came after the difference was shown.
	tab.change('mine\n');
	disk.text = 'theirs again\n';
	await tab.look();
	disk.text = 'and again\n';
	expect(await tab.keepMine()).toBe(false);
	expect(disk.text).toBe('and again\n');
	expect(tab.conflict?.hash).toBe('hash of and again\n');
});

test('a file that was removed keeps its text here and can be written anew', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	disk.text = null;
	await tab.look();
	expect(tab.gone && tab.unsaved).toBe(true);
	expect(tab.text).toBe('one\n');
	// It outlasts the program, too.
	expect(disk.draft?.text).toBe('one\n');
	expect(await tab.save()).toBe(true);
	expect(disk.writes).toEqual([null]);
	expect(disk.text).toBe('one\n');
	expect(tab.gone).toBe(false);
});

test('what was typed is kept after a pause and forgotten when it is taken back', async () => {
	vi.useFakeTimers();
	const disk = new Disk();
	const tab = await opened(disk);
	tab.change('typed');
	expect(disk.draft).toBeNull();
	await vi.advanceTimersByTimeAsync(1_000);
	expect(disk.draft).toMatchObject({ path: 'a.txt', text: 'typed', seen: 'hash of one\n' });
	const again = await opened(disk);
	expect(again.text).toBe('typed');
	expect(again.unsaved).toBe(true);
	disk.text = 'two\n';
	const later = await opened(disk);
	expect(later.conflict?.hash).toBe('hash of two\n');
	disk.text = 'one\n';
	tab.change('one\n');
	await vi.advanceTimersByTimeAsync(1_000);
	expect(disk.draft).toBeNull();
	vi.useRealTimers();
});

test('what is typed is kept at once when somebody turns to something else', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	await tab.turn();
	expect(disk.draft).toBeNull();
	tab.change('typed');
	await tab.turn();
	expect(disk.draft?.text).toBe('typed');
});

test('who types without a pause loses no more than who pauses', async () => {
	vi.useFakeTimers();
	const disk = new Disk();
	const tab = await opened(disk);
	for (let letters = 'a'; letters.length < 20; letters += 'a') {
		tab.change(letters);
		await vi.advanceTimersByTimeAsync(100);
	}
	expect(disk.draft?.text.length).toBeGreaterThan(10);
	vi.useRealTimers();
});

test('a look that began before a save shows nothing older than what is saved', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	const ends: (() => void)[] = [];
	vi.spyOn(disk, 'read').mockImplementationOnce(async () => {
		const read = await Disk.prototype.read.call(disk);
		await new Promise<void>((end) => ends.push(end));
		return read;
	});
	const look = tab.look();
	await vi.waitFor(() => expect(ends.length).toBe(1));
	tab.change('mine\n');
	expect(await tab.save()).toBe(true);
	ends[0]?.();
	await look;
	expect([tab.text, tab.unsaved, tab.conflict]).toEqual(['mine\n', false, null]);
});

test('what is typed while it is saved is saved by a second save, and meets itself not', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	tab.change('two\n');
	const first = tab.save();
	tab.change('three\n');
	expect(await Promise.all([first, tab.save()])).toEqual([true, true]);
	expect(disk.text).toBe('three\n');
	expect([tab.unsaved, tab.conflict]).toEqual([false, null]);
	await vi.waitFor(() => expect(disk.draft).toBeNull());
});

test('what was typed before waits for a file that cannot be read for the moment', async () => {
	const disk = new Disk();
	await disk.keep(draftOf('typed'));
	vi.spyOn(disk, 'read').mockRejectedValueOnce(new Error('the folder is away'));
	const tab = await opened(disk);
	expect(tab.failure).not.toBeNull();
	// Whoever closes it now is asked.
	expect(tab.unsaved).toBe(true);
	await tab.look();
	expect(tab.text).toBe('typed');
	expect(tab.failure).toBeNull();
});

test('what was kept earlier replaces nothing that is being typed', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	await disk.keep(draftOf('older'));
	tab.change('newer');
	await tab.look();
	expect(tab.text).toBe('newer');
	await tab.discard();
});

test('what was typed into the same file elsewhere is shown, and what was saved there as well', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	tab.change('here');
	await tab.turn();
	await disk.keep(draftOf('here and there'));
	await tab.look();
	expect([tab.text, tab.unsaved, tab.conflict]).toEqual(['here and there', true, null]);
	disk.text = 'here, there and saved';
	await disk.forget();
	await tab.look();
	expect([tab.text, tab.unsaved]).toEqual(['here, there and saved', false]);
});

test('what was typed into a file that was removed is shown beside the one that comes instead', async () => {
	const disk = new Disk();
	disk.text = null;
	await disk.keep(draftOf('typed'));
	const tab = await opened(disk);
	expect([tab.text, tab.gone, tab.unsaved]).toEqual(['typed', true, true]);
	disk.text = 'another\n';
	await tab.look();
	expect([tab.text, tab.gone]).toEqual(['typed', false]);
	expect(tab.conflict?.hash).toBe('hash of another\n');
});

test('what was typed goes along when a file is moved, and nothing stays behind', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	tab.change('typed');
	await tab.moved('b.txt');
	expect(disk.draft).toMatchObject({ path: 'b.txt', text: 'typed' });
	await tab.discard();
	expect(disk.draft).toBeNull();
});

test('a file that was removed and comes back is what it is now, and nothing of it is kept', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	for (const text of ['one\n', 'two\n']) {
		disk.text = null;
		await tab.look();
		disk.text = text;
		await tab.look();
		expect([tab.text, tab.gone, tab.conflict]).toEqual([text, false, null]);
		expect(disk.draft).toBeNull();
	}
});

test('what was still being read of the path of before does not tell that a moved file is gone', async () => {
	const disk = new Disk();
	const tab = await opened(disk);
	let miss = (): void => undefined;
	vi.spyOn(disk, 'read').mockImplementationOnce(
		() => new Promise((_, refuse) => (miss = () => refuse(missing())))
	);
	const look = tab.look();
	await Promise.resolve();
	await tab.moved('b.txt');
	miss();
	await look;
	expect(tab.gone).toBe(false);
});

const draftOf = (text: string): DraftView => ({
	path: 'a.txt',
	text,
	ending: 'lf',
	has_mark: false,
	seen: 'hash of one\n'
});

const entry = (name: string, kind: TreeEntryView['kind']): TreeEntryView => ({
	name,
	kind,
	target: '',
	bytes: 0,
	is_ignored: false,
	windows: null
});

test('the tree loads what is opened and forgets what is closed', async () => {
	const folders: Record<string, TreeEntryView[]> = {
		'': [entry('a', 'folder'), entry('b', 'folder'), entry('x', 'file')],
		a: [entry('deep', 'folder')],
		'a/deep': [entry('y', 'file')]
	};
	const asked: string[] = [];
	const tree = new Tree(async (folder) => {
		asked.push(folder);
		const found = folders[folder];
		if (!found) throw missing();
		return found;
	});
	await tree.load('');
	expect(tree.rows.map(({ path }) => path)).toEqual(['a', 'b', 'x']);
	await tree.reveal('a/deep/y');
	expect(tree.rows.map(({ path, depth }) => `${depth} ${path}`)).toEqual([
		'0 a',
		'1 a/deep',
		'2 a/deep/y',
		'0 b',
		'0 x'
	]);
	expect(tree.folders).toEqual(['', 'a', 'a/deep']);
	asked.length = 0;
	await tree.touched(['a/deep/y', 'b/never/seen']);
	expect(asked).toEqual(['a/deep']);
	asked.length = 0;
	await tree.touched(['a/.gitignore']);
	expect(asked.sort()).toEqual(['a', 'a/deep']);
	// A folder that is gone takes what was open in it along.
	folders[''] = [entry('x', 'file')];
	await tree.touched(['a']);
	expect(tree.folders).toEqual(['']);
	expect(tree.rows.map(({ path }) => path)).toEqual(['x']);
});
