import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { afterEach, expect, test } from 'vitest';
import type { DraftView } from '$ipc';
import { Drafts } from './draft.svelte';

const draft = (text: string, path = 'a.txt'): DraftView => ({
	path,
	text,
	ending: 'lf',
	has_mark: false,
	seen: null
});

/** What the engine was told, and the answers that it owes. */
let told: string[] = [];
let answers: (() => void)[] = [];

function engine(kept: DraftView[] = []): void {
	told = [];
	answers = [];
	mockIPC((command, args) => {
		if (command === 'file_drafts') return kept;
		const { draft: one, path } = args as { draft?: DraftView; path?: string };
		told.push(one ? `${one.path}: ${one.text}` : `${path} forgotten`);
		return new Promise((answer) => answers.push(() => answer(null)));
	});
}

afterEach(() => clearMocks());

const turn = (): Promise<void> => new Promise((done) => setTimeout(done));

test('what was typed is known at once, before it is kept', async () => {
	engine([draft('before', 'b.txt')]);
	const drafts = new Drafts('p');
	void drafts.keep(draft('typed'));
	expect(drafts.all['a.txt']?.text).toBe('typed');
	await drafts.load();
	expect(Object.keys(drafts.all).sort()).toEqual(['a.txt', 'b.txt']);
});

test('the engine is told of a file one thing after the other, and the newest last', async () => {
	engine();
	const drafts = new Drafts('p');
	void drafts.keep(draft('o'));
	await turn();
	void drafts.keep(draft('on'));
	const last = drafts.keep(draft('one'));
	await turn();
	expect(told).toEqual(['a.txt: o']);
	for (let step = 0; step < 3; step += 1) {
		answers.shift()?.();
		await turn();
	}
	await last;
	expect(told.at(-1)).toBe('a.txt: one');
	void drafts.forget('a.txt');
	await turn();
	expect(told.at(-1)).toBe('a.txt forgotten');
});

test('what is typed again while it is being forgotten is kept', async () => {
	engine();
	const drafts = new Drafts('p');
	void drafts.forget('a.txt');
	void drafts.keep(draft('again'));
	await turn();
	for (let step = 0; step < 2; step += 1) {
		answers.shift()?.();
		await turn();
	}
	expect(told.at(-1)).toBe('a.txt: again');
	expect(drafts.all['a.txt']?.text).toBe('again');
});

test('what goes along with a moved file is kept there before it is forgotten here', async () => {
	engine([draft('typed')]);
	const drafts = new Drafts('p');
	await drafts.load();
	void drafts.move('a.txt', 'b.txt');
	expect(Object.keys(drafts.all)).toEqual(['b.txt']);
	await turn();
	expect(told).toEqual(['b.txt: typed']);
	answers.shift()?.();
	await turn();
	expect(told.at(-1)).toBe('a.txt forgotten');
});

test('what could not be kept is kept when it is tried again', async () => {
	const drafts = new Drafts('p');
	const kept: string[] = [];
	let is_away = true;
	mockIPC((_, args) => {
		if (is_away) throw { code: 'folder_gone', message: '', evidence: [], next_step: '' };
		kept.push((args as { draft: DraftView }).draft.text);
	});
	await drafts.keep(draft('typed')).catch(() => undefined);
	await drafts.again();
	expect(kept).toEqual([]);
	is_away = false;
	await drafts.again();
	await drafts.again();
	expect(kept).toEqual(['typed']);
});

test('whoever waits for what is being told waits until it is kept', async () => {
	engine();
	const drafts = new Drafts('p');
	void drafts.keep(draft('typed'));
	await turn();
	let kept = false;
	void drafts.told().then(() => (kept = true));
	await turn();
	expect(kept).toBe(false);
	answers.shift()?.();
	await turn();
	expect(kept).toBe(true);
});
