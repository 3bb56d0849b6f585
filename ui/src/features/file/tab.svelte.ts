import {
	api,
	refusedFrom,
	type CommandError,
	type ContentView,
	type DraftView,
	type FileReadView,
	type NewTextView
} from '$ipc';
import type { EditorMemory } from '$parts/editor/core';
import { nameOf } from './tree.svelte';

/** How long a pause in typing is before what was typed is kept. */
const PAUSE_MS = 600;

/** How the door to the engine looks to a tab; tests bring their own. */
export interface Files {
	read: (path: string) => Promise<FileReadView>;
	write: (path: string, text: NewTextView, seen: string | null) => ReturnType<typeof api.fileWrite>;
	keep: (draft: DraftView) => Promise<unknown>;
	forget: (path: string) => Promise<unknown>;
}

/** A place in a file: line from 1, column and length in UTF-16 units. */
export interface Spot {
	line: number;
	column: number;
	length: number;
}

/** The files of a project, behind the door. */
export const filesOf = (projectId: string): Files => ({
	read: (path) => api.fileRead(projectId, path),
	write: (path, text, seen) => api.fileWrite(projectId, path, text, seen),
	keep: (draft) => api.fileKeepDraft(projectId, draft),
	forget: (path) => api.fileForgetDraft(projectId, path)
});

/** An open file: what is on the disk, and what somebody made of it since. */
export class Tab {
	path = $state('');
	/** What was read last; null until then. */
	read = $state.raw<FileReadView | null>(null);
	failure = $state.raw<CommandError | null>(null);
	/** The text as it is here. */
	text = $state('');
	/** What another program wrote over what was changed here, to be decided. */
	conflict = $state.raw<FileReadView | null>(null);
	/** Another program removed the file. */
	gone = $state(false);
	saving = $state(false);
	/** Where to go once it is shown. */
	spot = $state.raw<Spot | null>(null);
	readonly memory: EditorMemory = {};

	readonly name: string = $derived(nameOf(this.path));
	readonly content: ContentView | null = $derived(this.read?.content ?? null);
	readonly #saved: string | null = $derived(
		this.content?.kind === 'text' ? this.content.text : null
	);
	/** Whether something was changed here and not saved. */
	readonly unsaved: boolean = $derived(
		this.#saved !== null && (this.gone || this.text !== this.#saved)
	);

	readonly #files: Files;
	/** Runs while something was typed that is not kept yet. */
	#timer: ReturnType<typeof setTimeout> | undefined;
	/** What was typed into it before and is not shown yet. */
	#brought: DraftView | undefined;
	#opening: Promise<void> | undefined;
	#lookAgain = false;
	#looks = 0;
	#closed = false;

	constructor(files: Files, path: string) {
		this.#files = files;
		this.path = path;
	}

	/**
	 * Reads the file for the first time; with what was typed into it before, also later. Several may
	 * ask at once, and only one of them may know what was typed: it is shown whoever comes last.
	 */
	async open(draft?: DraftView): Promise<void> {
		if (draft) this.#brought = draft;
		else if (this.read) return;
		this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
		return this.#opening;
	}

	async #open(): Promise<void> {
		let read: FileReadView;
		try {
			read = await this.#files.read(this.path);
		} catch (error) {
			const failure = refusedFrom(error);
			if (this.#brought && failure.code === 'file_missing') this.#begin(this.#brought);
			else this.failure = failure;
			return;
		}
		const draft = this.#brought;
		this.#brought = undefined;
		this.failure = null;
		// What is being typed right now is newer than all that was kept.
		if (this.#timer !== undefined) return;
		if (draft && read.content.kind === 'text') {
			this.read = read;
			this.text = draft.text;
			// What it was typed into is not there any more: the difference to what is can be told.
			const stale = read.hash !== draft.seen && draft.text !== read.content.text;
			if (stale) this.conflict = read;
		} else this.#take(read);
	}

	/** A text whose file is not there. */
	#begin(draft: DraftView): void {
		const { text, ending, has_mark } = draft;
		const content: ContentView = { kind: 'text', text, ending, has_mark };
		this.read = { content, bytes: 0, hash: null, is_readonly: false };
		this.text = text;
		this.gone = true;
		this.#brought = undefined;
	}

	#take(read: FileReadView): void {
		this.read = read;
		this.gone = false;
		this.conflict = null;
		this.text = read.content.kind === 'text' ? read.content.text : '';
	}

	/** Somebody typed. */
	change(text: string): void {
		this.text = text;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.keep(), PAUSE_MS);
	}

	/** Keeps what was typed, over the end of the program; forgets it when it is what is saved. */
	async keep(): Promise<void> {
		this.#rest();
		const content = this.content;
		if (content?.kind !== 'text' || this.#closed) return;
		const { ending, has_mark } = content;
		const { path, text } = this;
		const kept = this.unsaved
			? this.#files.keep({ path, text, ending, has_mark, seen: this.read?.hash ?? null })
			: this.#files.forget(path);
		// It is on the screen still; the next pause tries again.
		await kept.catch(() => undefined);
	}

	/** Keeps at once what would be kept after the next pause: somebody turns to something else. */
	async turn(): Promise<void> {
		if (this.#timer !== undefined) await this.keep();
	}

	#rest(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
	}

	/** Another program may have changed the file. */
	async look(): Promise<void> {
		if (this.saving) {
			this.#lookAgain = true;
			return;
		}
		if (this.failure && (this.#brought || !this.read)) return this.open(this.#brought);
		if (!this.read) return;
		const turn = ++this.#looks;
		let now: FileReadView;
		try {
			now = await this.#files.read(this.path);
		} catch (error) {
			if (turn !== this.#looks) return;
			const { code } = refusedFrom(error);
			if (code === 'file_missing') {
				this.gone = true;
				this.conflict = null;
			}
			return;
		}
		// What was read meanwhile may be older than what is saved, or than what a later look saw.
		if (this.saving) this.#lookAgain = true;
		if (this.saving || turn !== this.#looks) return;
		const same = now.hash !== null && now.hash === this.read.hash;
		if (same) {
			this.gone = false;
			this.conflict = null;
			this.read = { ...now, content: this.read.content };
		} else if (this.unsaved && !this.gone && !says(now, this.text)) this.conflict = now;
		else if (this.gone && this.text !== this.#saved && !says(now, this.text)) {
			this.gone = false;
			this.conflict = now;
		} else this.#take(now);
	}

	/** Saves; `false` when it is not saved, which then is shown. */
	async save(): Promise<boolean> {
		const content = this.content;
		if (content?.kind !== 'text' || this.saving || this.conflict) return false;
		if (!this.unsaved) return true;
		return this.#write(this.gone ? null : (this.read?.hash ?? null));
	}

	async #write(seen: string | null): Promise<boolean> {
		const content = this.content;
		if (content?.kind !== 'text') return false;
		const { text } = this;
		const { ending, has_mark } = content;
		this.saving = true;
		this.#rest();
		try {
			const done = await this.#files.write(this.path, { text, ending, has_mark }, seen);
			if (done.outcome === 'done') {
				this.read = {
					content: { kind: 'text', text, ending, has_mark },
					bytes: done.bytes,
					hash: done.hash,
					is_readonly: false
				};
				this.gone = false;
				this.conflict = null;
			} else if (done.on_disk) this.conflict = done.on_disk;
			else this.gone = true;
			return done.outcome === 'done';
		} finally {
			this.saving = false;
			if (this.unsaved) void this.keep();
			if (this.#lookAgain) {
				this.#lookAgain = false;
				void this.look();
			}
		}
	}

	/** Of two texts, this one: it takes the place of the one that was shown beside it. */
	async keepMine(): Promise<boolean> {
		const there = this.conflict;
		if (!there) return false;
		return this.#write(there.hash);
	}

	/** Of two texts, the one on the disk: what was typed here is given up. */
	async takeTheirs(): Promise<void> {
		if (!this.conflict) return;
		this.#take(this.conflict);
		await this.#files.forget(this.path).catch(() => undefined);
	}

	/** The file has another path now, and what was typed goes along. */
	async moved(path: string): Promise<void> {
		const before = this.path;
		this.path = path;
		if (this.unsaved) {
			await this.#files.forget(before).catch(() => undefined);
			await this.keep();
		}
	}

	/** It is closed, and what was typed is given up. */
	async discard(): Promise<void> {
		this.#rest();
		const { unsaved } = this;
		this.#closed = true;
		if (unsaved) await this.#files.forget(this.path).catch(() => undefined);
	}
}

/** Whether a file says the same as a text. */
const says = (read: FileReadView, text: string): boolean =>
	read.content.kind === 'text' && read.content.text === text;
