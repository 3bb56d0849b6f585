import {
	api,
	refusedFrom,
	type CommandError,
	type ContentView,
	type DraftView,
	type FileReadView,
	type NewTextView
} from '$ipc';
import { draftsOf } from '$models/draft.svelte';
import type { EditorMemory } from '$parts/editor/core';
import { nameOf } from './tree.svelte';

/** How soon what is typed is kept, ms. */
const KEPT_AFTER_MS = 600;

/** How the door to the engine looks to a tab; tests bring their own. */
export interface Files {
	read: (path: string) => Promise<FileReadView>;
	write: (path: string, text: NewTextView, seen: string | null) => ReturnType<typeof api.fileWrite>;
	/** Makes known what was typed before into files, wherever that was. */
	load: () => Promise<unknown>;
	/** What was typed into a file and is not saved. */
	kept: (path: string) => DraftView | undefined;
	/** These count at once; the answer comes when they outlast the program. */
	keep: (draft: DraftView) => Promise<unknown>;
	move: (from: string, to: string) => Promise<unknown>;
	forget: (path: string) => Promise<unknown>;
}

/** A place in a file: line from 1, column and length in UTF-16 units. */
export interface Spot {
	line: number;
	column: number;
	length: number;
}

/** The files of a project, behind the door. */
export function filesOf(projectId: string): Files {
	const drafts = draftsOf(projectId);
	return {
		read: (path) => api.fileRead(projectId, path),
		write: (path, text, seen) => api.fileWrite(projectId, path, text, seen),
		load: () => drafts.load(),
		kept: (path) => drafts.all[path],
		keep: (draft) => drafts.keep(draft),
		move: (from, to) => drafts.move(from, to),
		forget: (path) => drafts.forget(path)
	};
}

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
	/** Whether something was typed and not saved, even if it cannot be shown yet. */
	readonly unsaved: boolean = $derived.by(() => {
		if (this.content === null) return this.#files.kept(this.path) !== undefined;
		return this.#saved !== null && (this.gone || this.text !== this.#saved);
	});

	readonly #files: Files;
	/** Runs while something was typed that is not kept yet. */
	#timer: ReturnType<typeof setTimeout> | undefined;
	#writing: Promise<boolean> | null = null;
	#lookAgain = false;
	#looks = 0;
	#saves = 0;
	#closed = false;

	constructor(files: Files, path: string) {
		this.#files = files;
		this.path = path;
	}

	/** Somebody typed. */
	change(text: string): void {
		this.text = text;
		// Who types without a pause loses no more than who pauses.
		this.#timer ??= setTimeout(() => void this.keep(), KEPT_AFTER_MS);
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
		// It is on the screen still, and is kept with what is typed next.
		await kept.catch(() => undefined);
	}

	/** Keeps at once what would be kept soon: somebody turns to something else. */
	async turn(): Promise<void> {
		if (this.#timer !== undefined) await this.keep();
	}

	#rest(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
	}

	/**
	 * Reads the file, for the first time or again, as another program may have changed it; and shows
	 * what was typed into it and not saved, wherever that was.
	 */
	async look(): Promise<void> {
		if (this.saving) {
			this.#lookAgain = true;
			return;
		}
		const turn = ++this.#looks;
		const saves = this.#saves;
		let now: FileReadView | CommandError;
		try {
			await this.#files.load();
			now = await this.#files.read(this.path);
		} catch (error) {
			now = refusedFrom(error);
		}
		if (turn !== this.#looks || this.#closed) return;
		// What was read before the end of a save may be older than what is saved.
		if (this.saving || saves !== this.#saves) return this.look();
		if ('code' in now) this.#miss(now);
		else this.#see(now);
	}

	/** What is on the disk now. */
	#see(now: FileReadView): void {
		this.failure = null;
		this.#bring(now);
		if (now.hash !== null && now.hash === this.read?.hash) {
			this.gone = false;
			this.conflict = null;
			this.read = now;
		} else if (this.#typed && this.unsaved && !says(now, this.text)) {
			const untouched = this.gone && this.text === this.#saved;
			if (untouched) this.#take(now);
			else {
				this.gone = false;
				this.conflict = now;
			}
		} else this.#take(now);
		// What is saved needs no keeping.
		if (!this.unsaved && this.#files.kept(this.path)) void this.keep();
	}

	/** Whether something was typed here or elsewhere: what is neither is saved, or given up. */
	get #typed(): boolean {
		return this.#timer !== undefined || this.#files.kept(this.path) !== undefined;
	}

	/** Shows what was typed elsewhere, or before. What is being typed right now is newer. */
	#bring(now: FileReadView | null): void {
		const draft = this.#timer === undefined ? this.#files.kept(this.path) : undefined;
		if (!draft || (this.read && draft.text === this.text)) return;
		const { text, ending, has_mark, seen } = draft;
		const fresh = now && (now.hash === seen || says(now, text));
		const there = now?.content.kind === 'text' ? now.content : null;
		const content = there ?? { kind: 'text' as const, text: '', ending, has_mark };
		this.text = text;
		// What it was typed into is not there any more: the difference to what is can be told.
		this.read = fresh ? now : { bytes: 0, is_readonly: false, ...now, content, hash: seen };
	}

	/** The file cannot be read. */
	#miss(failure: CommandError): void {
		const isMissing = failure.code === 'file_missing';
		if (isMissing || this.read) this.#bring(null);
		if (!this.read) this.failure = failure;
		else if (isMissing) {
			this.failure = null;
			this.gone = true;
			this.conflict = null;
			// Nobody else has its text any more.
			if (!this.#files.kept(this.path)) void this.keep();
		}
	}

	#take(read: FileReadView): void {
		this.read = read;
		this.gone = false;
		this.conflict = null;
		this.text = read.content.kind === 'text' ? read.content.text : '';
	}

	/** Saves; `false` when it is not saved, which then is shown. */
	async save(): Promise<boolean> {
		const content = this.content;
		if (content?.kind !== 'text' || this.conflict) return false;
		if (this.#writing) {
			// What was typed since that began is saved as well.
			await this.#writing.catch(() => undefined);
			return this.save();
		}
		if (!this.unsaved) return true;
		return this.#write(this.gone ? null : (this.read?.hash ?? null));
	}

	#write(seen: string | null): Promise<boolean> {
		const writing = this.#written(seen).finally(() => (this.#writing = null));
		this.#writing = writing;
		return writing;
	}

	async #written(seen: string | null): Promise<boolean> {
		const content = this.content;
		if (content?.kind !== 'text') return false;
		const { text } = this;
		const { ending, has_mark } = content;
		this.saving = true;
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
			this.#saves += 1;
			void this.keep();
			if (this.#lookAgain) {
				this.#lookAgain = false;
				void this.look();
			}
		}
	}

	/** Of two texts, this one: it takes the place of the one that was shown beside it. */
	async keepMine(): Promise<boolean> {
		const there = this.conflict;
		if (!there || this.saving) return false;
		return this.#write(there.hash);
	}

	/** Of two texts, the one on the disk: what was typed here is given up. */
	async takeTheirs(): Promise<void> {
		if (!this.conflict || this.saving) return;
		this.#rest();
		this.#take(this.conflict);
		await this.#files.forget(this.path).catch(() => undefined);
	}

	/** The file has another path now, and what was typed goes along. */
	async moved(path: string): Promise<void> {
		void this.turn();
		const before = this.path;
		this.path = path;
		const moved = this.#files.move(before, path).catch(() => undefined);
		// What is being read of the path of before says nothing of this one.
		await Promise.all([moved, this.look()]);
	}

	/** It is closed, and what was typed is given up. */
	async discard(): Promise<void> {
		const typed = this.unsaved || this.#timer !== undefined;
		this.#rest();
		this.#closed = true;
		if (typed) await this.#files.forget(this.path).catch(() => undefined);
	}
}

/** Whether a file says the same as a text. */
const says = (read: FileReadView, text: string): boolean =>
	read.content.kind === 'text' && read.content.text === text;
