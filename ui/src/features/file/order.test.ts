import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DraftView, FileReadView, NewTextView } from '$ipc';
import { chance } from '$parts/chance';
import { Tab, type Files } from './tab.svelte';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A disk that does and answers what it was asked in any order, each when it is let. */
class Slow implements Files {
	/** Everything that ever stood in the file. */
	readonly texts = ['begun'];
	/** What of it was saved by the one who types. */
	readonly saved: string[] = [];
	readonly waiting: (() => void)[] = [];
	#draft: DraftView | undefined;
	get text(): string {
		return this.texts.at(-1) ?? '';
	}

	#later<T>(work: () => T): Promise<T> {
		return new Promise((done) => {
			this.waiting.push(() => {
				const answer = work();
				this.waiting.push(() => done(answer));
			});
		});
	}
	#now(): FileReadView {
		return {
			content: { kind: 'text', text: this.text, ending: 'lf', has_mark: false },
			bytes: 1,
			hash: `hash of ${this.text}`,
			is_readonly: false
		};
	}
	read(): Promise<FileReadView> {
		return this.#later(() => this.#now());
	}
	write(_: string, { text }: NewTextView, seen: string | null): ReturnType<Files['write']> {
		return this.#later(() => {
			if (seen !== `hash of ${this.text}`)
				return { outcome: 'conflict' as const, on_disk: this.#now() };
			this.texts.push(text);
			this.saved.push(text);
			return { outcome: 'done' as const, hash: `hash of ${text}`, bytes: 1 };
		});
	}
	async load(): Promise<void> {}
	kept(): DraftView | undefined {
		return this.#draft;
	}
	async keep(draft: DraftView): Promise<void> {
		this.#draft = draft;
	}
	async move(): Promise<void> {}
	async forget(): Promise<void> {
		this.#draft = undefined;
	}
}

/** Types, saves, looks and writes from elsewhere, with answers in any order. */
async function work(seed: number): Promise<void> {
	const next = chance(seed);
	const disk = new Slow();
	const tab = new Tab(disk, 'a.txt');
	const answer = async (): Promise<void> => {
		disk.waiting.splice(next(disk.waiting.length), 1)[0]?.();
		await vi.advanceTimersByTimeAsync(0);
	};
	const settle = async (): Promise<void> => {
		await vi.advanceTimersByTimeAsync(0);
		while (disk.waiting.length) await answer();
	};
	void tab.look();
	await settle();
	let typed = '';
	let steps = '';
	const isSafe = (): boolean =>
		typed === '' ||
		disk.saved.includes(typed) ||
		(tab.text === typed && (tab.unsaved || disk.text === typed));
	/** How new what the tab takes for saved is. */
	const age = (): number =>
		tab.content?.kind === 'text' ? disk.texts.lastIndexOf(tab.content.text) : -1;
	let known = age();
	for (let step = 0; step < 60; step += 1) {
		const act = next(13);
		steps += ` ${act}`;
		if (act < 3 && !tab.conflict) tab.change((typed = `typed ${step}`));
		else if (act === 3) void tab.save();
		else if (act === 4 || act === 12) void tab.look();
		else if (act === 5) disk.texts.push(`theirs ${step}`);
		else if (act === 6) void tab.turn();
		else if (act === 7) void tab.keepMine();
		else if (act === 8) await vi.advanceTimersByTimeAsync(next(900));
		else if (disk.waiting.length) await answer();
		expect(isSafe(), `seed ${seed}, after${steps}`).toBe(true);
		expect(age(), `seed ${seed}, after${steps}`).toBeGreaterThanOrEqual(known);
		known = age();
	}
	await settle();
	void tab.turn();
	void tab.look();
	await settle();
	const lasts = disk.saved.includes(typed) || disk.kept()?.text === typed || typed === '';
	expect(lasts, `seed ${seed}, after${steps}`).toBe(true);
	// What is on the screen is what is on the disk, or told to be something else.
	expect(tab.unsaved || tab.text === disk.text, `seed ${seed}, after${steps}`).toBe(true);
	await tab.discard();
}

test('nothing that was typed is lost, in whatever order everything else comes', async () => {
	for (let seed = 1; seed <= 400; seed += 1) await work(seed);
}, 60_000);
