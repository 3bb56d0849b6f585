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
/** The same before what was typed is kept. */
const KEEP_MS = 600;

/** The file of a canvas that is being written. What is typed and not saved is kept when another is. */
export class Writing {
	path = $state('');
	text = $state('');
	/** Text and hash on disk, as last read or written; null while nothing is open. */
	saved = $state.raw<ReadText | null>(null);
	/** What somebody else wrote over what was read; undefined when nobody did. */
	conflict = $state.raw<ReadText | null | undefined>(undefined);
	readonly dirty: boolean = $derived(this.saved !== null && this.text !== this.saved.text);
	#page: Page | null = null;
	#shows: ReturnType<typeof setTimeout> | undefined;
	#keeps: ReturnType<typeof setTimeout> | undefined;
	#turn = 0;

	/** Opens a file, with what was typed into it before and not saved. */
	async open(page: Page): Promise<void> {
		const turn = ++this.#turn;
		await this.leave();
		const read = await page.read();
		if (turn !== this.#turn) return;
		const kept = page.kept();
		this.#page = page;
		this.path = page.path;
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
		clearTimeout(this.#keeps);
		// It is on the screen still; the next pause tries again.
		this.#shows = setTimeout(() => void this.#show().catch(() => undefined), SHOW_MS);
		this.#keeps = setTimeout(() => void this.#keep().catch(() => undefined), KEEP_MS);
	}

	/** Saves. What somebody else wrote meanwhile is kept and shown instead. */
	async save(): Promise<boolean> {
		const page = this.#page;
		if (!page || !this.saved || (!this.dirty && this.conflict === undefined)) return true;
		const { text } = this;
		const done = await page.write(text, this.saved.hash || null);
		if (page !== this.#page) return false;
		if ('conflict' in done) {
			this.conflict = done.conflict;
			return false;
		}
		this.saved = { text, hash: done.hash };
		this.conflict = undefined;
		await this.#settled();
		return true;
	}

	/**
	 * The file has changed on disk: it is read anew, unless something typed would be lost by that; then
	 * both are there to be chosen from.
	 */
	async changed(): Promise<void> {
		const page = this.#page;
		if (!page || !this.saved) return;
		const read = await page.read();
		if (page !== this.#page || read.hash === this.saved.hash) return;
		if (this.dirty && read.text !== this.text) this.conflict = read;
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

	/** Keeps what was typed now: another file is opened, or the page is left. */
	async leave(): Promise<void> {
		if (!this.#page || !this.dirty) return;
		await Promise.all([this.#show(), this.#keep()]);
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
		const { text, saved } = this;
		await this.#page?.keep(this.dirty && saved ? { text, hash: saved.hash } : null);
	}
}
