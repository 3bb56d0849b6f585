import { refusedFrom } from '$ipc';

/** A text as it was read: its hash tells later whether somebody else wrote it meanwhile. */
export interface ReadText {
	text: string;
	hash: string;
}

/** What became of a save: where it stands now, or what stands in its way (null: it was removed). */
export type Saved = { hash: string } | { conflict: ReadText | null };

/** A file of a canvas, and of that canvas only, whichever is looked at later. */
export interface Page {
	readonly path: string;
	/** Its path within the project, which no file of another canvas has. */
	readonly whole: string;
	read(): Promise<ReadText>;
	/** Writes over what was read; without a hash, as a new file. */
	write(text: string, hash: string | null): Promise<Saved>;
	/** Shows a text in the preview before it is saved; null shows again what is on disk. */
	show(text: string | null): Promise<void>;
	/**
	 * Keeps what was typed, with the hash of what it was typed into, until it is saved, also over the
	 * end of the program; null forgets it.
	 */
	keep(typed: ReadText | null): Promise<void>;
	/** What is kept so; null when everything is saved. */
	kept(): ReadText | null;
}

/** How long a pause in typing is before the preview follows, ms. */
const SHOW_MS = 150;
/** How soon what is typed is kept, ms. */
const KEEP_MS = 600;

/** The file of a canvas that is being written. What is typed and not saved is kept when another is. */
export class Writing {
	path = $state('');
	/** Its path within the project. */
	whole = $state('');
	text = $state('');
	/** Text and hash on disk, as last read or written; null while nothing is open. */
	saved = $state.raw<ReadText | null>(null);
	/** What somebody else wrote over what was read; undefined when nobody did. */
	conflict = $state.raw<ReadText | null | undefined>(undefined);
	readonly dirty: boolean = $derived(this.saved !== null && this.text !== this.saved.text);
	#page: Page | null = null;
	#shows: ReturnType<typeof setTimeout> | undefined;
	#keeps: ReturnType<typeof setTimeout> | undefined;
	#saving: Promise<boolean> | null = null;
	#turn = 0;
	#looks = 0;
	#saves = 0;

	/** Opens a file, with what was typed into it before and not saved. */
	async open(page: Page): Promise<void> {
		const turn = ++this.#turn;
		await this.leave();
		const read = await page.read();
		if (turn !== this.#turn) return;
		// What was typed while it was read belongs to the file of before, too.
		if (this.#keeps !== undefined) void this.leave().catch(() => undefined);
		const kept = page.kept();
		this.#page = page;
		this.path = page.path;
		this.whole = page.whole;
		this.#take(read);
		if (!kept || kept.text === read.text) return;
		this.text = kept.text;
		if (kept.hash !== read.hash) this.conflict = read;
		await this.#show();
	}

	/** Takes what was typed; the preview follows at the next pause. */
	type(text: string): void {
		this.text = text;
		clearTimeout(this.#shows);
		// It is on the screen still, and is kept with what is typed next.
		this.#shows = setTimeout(() => void this.#show().catch(() => undefined), SHOW_MS);
		// Who types without a pause loses no more than who pauses.
		this.#keeps ??= setTimeout(() => void this.#keep().catch(() => undefined), KEEP_MS);
	}

	/** Saves. What somebody else wrote meanwhile is kept and shown instead. */
	async save(): Promise<boolean> {
		if (this.#saving) {
			// What was typed since that began is saved as well.
			await this.#saving.catch(() => undefined);
			return this.save();
		}
		const page = this.#page;
		if (!page || !this.saved || (!this.dirty && this.conflict === undefined)) return true;
		this.#saving = this.#write(page, this.saved.hash || null).finally(() => {
			this.#saves += 1;
			this.#saving = null;
		});
		return this.#saving;
	}

	async #write(page: Page, hash: string | null): Promise<boolean> {
		const { text } = this;
		const done = await page.write(text, hash);
		const isOpen = page === this.#page;
		if ('conflict' in done) {
			if (isOpen) this.conflict = done.conflict;
			return false;
		}
		if (isOpen) {
			this.saved = { text, hash: done.hash };
			this.conflict = undefined;
			await this.#settled();
			return true;
		}
		// Another file was opened meanwhile; what was typed into this one since is beside what is saved.
		const since = page.kept();
		const typed = since && since.text !== text ? { text: since.text, hash: done.hash } : null;
		await Promise.all([page.show(typed?.text ?? null), page.keep(typed)]);
		return true;
	}

	/**
	 * The file has changed on disk: it is read anew, unless something typed would be lost by that; then
	 * both are there to be chosen from.
	 */
	async changed(): Promise<void> {
		const page = this.#page;
		if (!page || !this.saved) return;
		const look = ++this.#looks;
		const saves = this.#saves;
		const read = await page.read().catch((error: unknown) => {
			if (refusedFrom(error).code !== 'file_missing') throw error;
			return null;
		});
		if (page !== this.#page || look !== this.#looks) return;
		if (this.#saving || saves !== this.#saves) {
			// What was read before the end of a save may be older than what is saved.
			await this.#saving?.catch(() => undefined);
			return this.changed();
		}
		if (!read) this.conflict = null;
		else if (read.hash === this.saved.hash) this.conflict = undefined;
		else if (this.dirty && read.text !== this.text) this.conflict = read;
		else this.#take(read);
	}

	/** Settles a conflict: by what is on disk, or by writing over it. */
	async settle(by: 'theirs' | 'mine'): Promise<boolean> {
		const theirs = this.conflict;
		if (theirs === undefined) return true;
		if (by === 'theirs') {
			this.#take(theirs ?? { text: '', hash: '' });
			await this.#settled();
			return true;
		}
		// No hash: the file is made anew, as somebody removed it.
		this.saved = theirs ?? { text: '', hash: '' };
		return this.save();
	}

	/** Keeps at once what would be kept soon: somebody turns to something else. */
	async turn(): Promise<void> {
		// It is on the screen still, and is kept with what is typed next.
		if (this.#keeps !== undefined) await this.#keep().catch(() => undefined);
	}

	/** Nobody looks any more: what was typed is kept, and previews elsewhere show what is on disk. */
	async rest(): Promise<void> {
		clearTimeout(this.#shows);
		await Promise.all([this.#page?.show(null), this.turn()]);
	}

	/** Keeps at once what was typed: another file is opened. */
	async leave(): Promise<void> {
		if (!this.#page || (!this.dirty && this.#keeps === undefined)) return;
		await Promise.all([this.#show(), this.#keep()]);
	}

	/** The file is gone for good, and what was typed into it is given up. */
	close(): void {
		clearTimeout(this.#shows);
		clearTimeout(this.#keeps);
		this.#keeps = undefined;
		this.#page = null;
		this.path = this.whole = '';
		this.#take({ text: '', hash: '' });
		this.saved = null;
	}

	#take(read: ReadText): void {
		this.text = read.text;
		this.saved = read;
		this.conflict = undefined;
	}

	/** What is on disk is known: nothing is kept beside it but what was typed since. */
	async #settled(): Promise<void> {
		await Promise.all([this.#show(), this.#keep()]);
	}

	async #show(): Promise<void> {
		clearTimeout(this.#shows);
		await this.#page?.show(this.dirty ? this.text : null);
	}

	async #keep(): Promise<void> {
		clearTimeout(this.#keeps);
		this.#keeps = undefined;
		const { text, saved } = this;
		await this.#page?.keep(this.dirty && saved ? { text, hash: saved.hash } : null);
	}
}
