import {
	api,
	Channel,
	Refused,
	refusedFrom,
	type CanvasFileView,
	type CanvasView,
	type CommandError
} from '$ipc';
import { Asked } from '$models/asked.svelte';
import { draftsOf, type Drafts } from '$models/draft.svelte';
import type { EditorMemory } from '$parts/editor/core';
import { SvelteMap } from 'svelte/reactivity';
import { Preview } from './preview.svelte';
import { isText } from './text';
import { Writing, type Page, type ReadText } from './writing.svelte';

/** How a file ends its lines, so that saving changes nothing but what was typed. */
type Form = Omit<Parameters<typeof api.fileWrite>[2], 'text'>;
type Read = Awaited<ReturnType<typeof api.fileRead>>;

/** Something that was refused, and how it is tried again. */
interface Refusal {
	error: CommandError;
	again: () => void;
}

/** The canvases of a project, and the one that is open. */
export class OpenCanvas {
	readonly list: Asked<CanvasView[]>;
	readonly preview = new Preview();
	readonly writing = new Writing();
	files = $state.raw<CanvasFileView[]>([]);
	/** The canvas of which a preview would show what was typed and not saved. */
	prepared = $state('');
	/** How often the preview was wanted anew. */
	loads = $state(0);
	readonly canvas: CanvasView | null;
	/** Files that can be written. */
	readonly texts: CanvasFileView[];
	/** What was refused here and has not been done since, the first of it first. */
	readonly refused: Refusal | null;
	readonly #refused = new SvelteMap<string, Refusal>();
	readonly #projectId: string;
	readonly #drafts: Drafts;
	readonly #memories: Record<string, EditorMemory> = {};
	#begun = '';
	#begins = 0;

	constructor(projectId: string, chosen: () => string) {
		this.#projectId = projectId;
		this.#drafts = draftsOf(projectId);
		this.list = new Asked(() => api.canvasList(projectId));
		this.canvas = $derived(
			this.list.value?.find(({ name }) => name === chosen()) ?? this.list.value?.[0] ?? null
		);
		this.texts = $derived(this.files.filter(({ path }) => isText(path)));
		this.refused = $derived([...this.#refused.values()][0] ?? null);
	}

	/** The open canvas's name; that of the main one until it is known. */
	get name(): string {
		return this.canvas?.name ?? 'main';
	}

	/** The path within the project of something in the open canvas. */
	whole(path: string): string {
		return `${this.canvas?.folder ?? '.canvas'}/${path}`;
	}

	/**
	 * Begins with a canvas's files: its page first, or after a failure what was open. What was typed
	 * and not saved before is shown.
	 */
	async begin(): Promise<void> {
		const { name } = this;
		const turn = ++this.#begins;
		// Of two canvases that are opened, the one that was asked for last is shown.
		const counts = (): boolean => turn === this.#begins;
		const work = (): Promise<void> => this.#begin(name, counts);
		await this.#try('begin', () => void this.begin(), work, counts);
	}

	async #begin(name: string, counts: () => boolean): Promise<void> {
		const before = name === this.#begun ? this.writing.path : '';
		try {
			await this.writing.leave();
			await this.#drafts.load();
			await this.#preview(true);
		} finally {
			if (counts()) this.prepared = name;
		}
		const files = await api.canvasFiles(this.#projectId, name);
		if (!counts()) return;
		this.files = files;
		const known = [before, 'index.html'].map((wish) =>
			this.texts.find(({ path }) => path === wish)
		);
		const first = known.find(Boolean) ?? this.texts[0];
		if (first) await this.writing.open(this.#page(first.path));
		this.#begun = name;
	}

	/** A file was put into the bin, and with it what was typed into it. */
	async removed(path: string): Promise<void> {
		const isOpen = path === this.writing.path;
		if (isOpen) this.writing.close();
		await this.#drafts.forget(this.whole(path)).catch(() => undefined);
		await (isOpen ? this.begin() : this.listFiles());
	}

	/** What the editor remembers of the open file while another one is written. */
	get memory(): EditorMemory {
		return (this.#memories[this.writing.whole] ??= {});
	}

	/** Whether something was typed into a file of the open canvas and not saved. */
	isUnsaved(path: string): boolean {
		return path === this.writing.path ? this.writing.dirty : this.whole(path) in this.#drafts.all;
	}

	/** The page is left: what was typed is kept, and previews elsewhere show what is on disk. */
	async leave(): Promise<void> {
		// Both are told at once, before whoever comes back tells what was typed anew.
		await Promise.allSettled([this.writing.rest(), this.#preview(false)]);
	}

	/** Loads the preview anew. */
	loadAgain(): void {
		this.loads += 1;
	}

	/** Opens a file to be written. */
	async write(path: string): Promise<void> {
		await this.#try(
			'write',
			() => void this.write(path),
			() => this.writing.open(this.#page(path))
		);
	}

	/** Saves what is being written. */
	async save(): Promise<void> {
		await this.#try(
			'save',
			() => void this.save(),
			() => this.writing.save()
		);
		await this.listFiles();
	}

	/** Leaves out the page's own scripts, as one of them does not come to an end. */
	async stopScripts(): Promise<void> {
		await this.#try(
			'scripts',
			() => void this.stopScripts(),
			async () => {
				await api.canvasRunScripts(this.#projectId, this.name, false);
				await this.list.load();
			}
		);
	}

	/** Looks which files there are. */
	async listFiles(): Promise<void> {
		const { name } = this;
		await this.#try(
			'list',
			() => void this.listFiles(),
			async () => {
				const files = await api.canvasFiles(this.#projectId, name);
				if (name === this.name) this.files = files;
			}
		);
	}

	/** Follows what changes in the open canvas until the returned function is called. */
	follow(): () => void {
		let over = false;
		let stop = (): void => undefined;
		const channel = new Channel<{ paths: string[] }>();
		channel.onmessage = ({ paths }) => {
			if (over) return;
			// What stands where no page was is no page: nobody in it hears of one.
			if (this.preview.late) this.loadAgain();
			else this.preview.changed(paths);
			const { path: open } = this.writing;
			if (!paths.length || paths.includes(open)) void this.#look();
			if (!paths.length) void this.#drafts.again();
			// What is typed into the open file is told as well, and makes no other files.
			if (!paths.length || paths.some((path) => path !== open)) void this.listFiles();
		};
		const begin = (): Promise<unknown> =>
			this.#try(
				'follow',
				() => void begin(),
				async () => {
					const number = await api.canvasFollow(this.#projectId, this.name, channel);
					stop = () => void api.streamStop(number).catch(() => undefined);
					if (over) stop();
				}
			);
		void begin();
		return () => {
			over = true;
			stop();
			this.#refused.delete('follow');
		};
	}

	/** Looks what became of the open file; that it was removed shows in the list. */
	async #look(): Promise<void> {
		try {
			await this.writing.changed();
		} catch {
			await this.listFiles();
		}
	}

	/** Shows what was typed into files of the open canvas, or what is on disk instead. */
	async #preview(typed: boolean): Promise<void> {
		const { name } = this;
		const drafts = Object.values(this.#drafts.all).filter(({ path }) =>
			path.startsWith(this.whole(''))
		);
		await Promise.all(
			drafts.map(({ path, text }) =>
				api.canvasDraft(
					this.#projectId,
					name,
					path.slice(this.whole('').length),
					typed ? text : null
				)
			)
		);
	}

	/** A file of the canvas that is open now. */
	#page(path: string): Page {
		const [canvas, whole, id] = [this.name, this.whole(path), this.#projectId];
		let form: Form = { ending: 'lf', has_mark: false };
		const asText = (read: Read): ReadText | null => {
			if (read.content.kind !== 'text') return null;
			const { text, ending, has_mark } = read.content;
			form = { ending, has_mark };
			return { text, hash: read.hash ?? '' };
		};
		return {
			path,
			whole,
			read: async () => asText(await api.fileRead(id, whole)) ?? refuse(path),
			write: async (text, hash) => {
				const done = await api.fileWrite(id, whole, { text, ...form }, hash);
				if (done.outcome === 'done') return { hash: done.hash };
				return { conflict: done.on_disk && asText(done.on_disk) };
			},
			show: async (text) => {
				await api.canvasDraft(id, canvas, path, text);
			},
			keep: async (typed) => {
				if (typed) {
					const { text, hash } = typed;
					await this.#drafts.keep({ path: whole, text, seen: hash || null, ...form });
				} else if (this.#drafts.all[whole]) await this.#drafts.forget(whole);
			},
			kept: () => {
				const draft = this.#drafts.all[whole];
				return draft ? { text: draft.text, hash: draft.seen ?? '' } : null;
			}
		};
	}

	/** Does something; why it was refused stays until the same has been done. */
	async #try(
		what: string,
		again: () => void,
		work: () => Promise<unknown>,
		counts = (): boolean => true
	): Promise<void> {
		try {
			await work();
			if (counts()) this.#refused.delete(what);
		} catch (error) {
			if (counts()) this.#refused.set(what, { error: refusedFrom(error), again });
		}
	}
}

function refuse(path: string): never {
	throw new Refused({
		code: 'not_a_text',
		message: `${path} cannot be written here.`,
		evidence: ['it is no text, or more than can be shown'],
		next_step: 'Change it with a program for such files: the preview follows.',
		retryable: false,
		field: ''
	});
}
