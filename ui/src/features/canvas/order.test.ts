import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { chance } from '$parts/chance';
import { Writing, type Page, type ReadText } from './writing.svelte';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A file that does and answers what it was asked in any order, each when it is let. */
class Slow implements Page {
	readonly whole: string;
	/** Everything that ever stood in it. */
	readonly texts: string[];
	/** What of it was saved by the one who types. */
	readonly saved: string[] = [];
	#kept: ReadText | null = null;

	constructor(
		readonly path: string,
		readonly waiting: (() => void)[]
	) {
		this.whole = path;
		this.texts = [`${path} as it was`];
	}

	#later<T>(work: () => T): Promise<T> {
		return new Promise((done) => {
			this.waiting.push(() => {
				const answer = work();
				this.waiting.push(() => done(answer));
			});
		});
	}
	#now(): ReadText {
		const text = this.texts.at(-1) ?? '';
		return { text, hash: `hash of ${text}` };
	}
	read(): Promise<ReadText> {
		return this.#later(() => this.#now());
	}
	write(text: string, hash: string | null): ReturnType<Page['write']> {
		return this.#later(() => {
			if (hash !== this.#now().hash) return { conflict: this.#now() };
			this.texts.push(text);
			this.saved.push(text);
			return { hash: `hash of ${text}` };
		});
	}
	async show(): Promise<void> {}
	async keep(typed: ReadText | null): Promise<void> {
		this.#kept = typed;
	}
	kept(): ReadText | null {
		return this.#kept;
	}
}

/** Types, saves, looks, opens the other file and writes from elsewhere, with answers in any order. */
async function work(seed: number): Promise<void> {
	const next = chance(seed);
	const waiting: (() => void)[] = [];
	const [page, style] = [new Slow('index.html', waiting), new Slow('style.css', waiting)];
	const writing = new Writing();
	const answer = async (): Promise<void> => {
		waiting.splice(next(waiting.length), 1)[0]?.();
		await vi.advanceTimersByTimeAsync(0);
	};
	const settle = async (): Promise<void> => {
		await vi.advanceTimersByTimeAsync(0);
		while (waiting.length) await answer();
	};
	void writing.open(page);
	await settle();
	const typed: Record<string, string> = {};
	let steps = '';
	const at = (): string => `seed ${seed}, after${steps}`;
	const isSafe = (one: Slow): boolean => {
		const last = typed[one.path];
		const isSeen = writing.path === one.path && writing.text === last;
		return !last || one.saved.includes(last) || one.kept()?.text === last || isSeen;
	};
	for (let step = 0; step < 60; step += 1) {
		const act = next(14);
		steps += ` ${act}`;
		if (act < 3) writing.type((typed[writing.path] = `typed ${step}`));
		else if (act === 3) void writing.save();
		else if (act === 4) void writing.changed();
		else if (act === 5) (next(2) ? page : style).texts.push(`theirs ${step}`);
		else if (act === 6) void writing.settle('mine');
		else if (act === 7) void writing.open(next(2) ? page : style);
		else if (act === 8) await vi.advanceTimersByTimeAsync(next(900));
		else if (waiting.length) await answer();
		expect(isSafe(page) && isSafe(style), at()).toBe(true);
	}
	await settle();
	await writing.leave();
	await vi.advanceTimersByTimeAsync(1_000);
	await settle();
	for (const one of [page, style]) {
		const last = typed[one.path];
		expect(!last || one.saved.includes(last) || one.kept()?.text === last, at()).toBe(true);
	}
	void writing.changed();
	await settle();
	const open = writing.path === page.path ? page : style;
	expect(writing.dirty || writing.text === open.texts.at(-1), at()).toBe(true);
}

test('nothing that was typed is lost, in whatever order everything else comes', async () => {
	for (let seed = 1; seed <= 400; seed += 1) await work(seed);
}, 60_000);
