/** A text as it was read: its hash tells later whether somebody else wrote it meanwhile. */
export interface ReadText {
	text: string;
	hash: string;
}

/** What became of a save: where it stands now, or what stands in its way (null: it was removed). */
export type Saved = { hash: string } | { conflict: ReadText | null };

/** Where the files of a canvas are kept. */
export interface Desk {
	read(path: string): Promise<ReadText>;
	/** Writes over what was read; without a hash, as a new file. */
	write(path: string, text: string, hash: string | null): Promise<Saved>;
	/** Shows a text in the preview before it is saved; null shows again what is on disk. */
	draft(path: string, text: string | null): Promise<void>;
	/** What the preview shows of a file before it is saved: it was typed and the page was lost. */
	drafted(path: string): Promise<string | null>;
}

/** How long a pause in typing is before the preview follows. */
const PAUSE_MS = 150;

/** The file of a canvas that is being written. */
export class Writing {
	path = $state('');
	text = $state('');
	/** Text and hash on disk, as last read or written; null while nothing is open. */
	saved = $state.raw<ReadText | null>(null);
	/** What somebody else wrote over what was read; undefined when nobody did. */
	conflict = $state.raw<ReadText | null | undefined>(undefined);
	readonly dirty: boolean = $derived(this.saved !== null && this.text !== this.saved.text);
	readonly #desk: Desk;
	#pause: ReturnType<typeof setTimeout> | undefined;
	#turn = 0;

	constructor(desk: Desk) {
		this.#desk = desk;
	}

	/** Opens a file; what was typed in another and not saved stays in the preview no longer. */
	async open(path: string): Promise<void> {
		const turn = ++this.#turn;
		await this.#undraft();
		const [read, typed] = await Promise.all([this.#desk.read(path), this.#desk.drafted(path)]);
		if (turn !== this.#turn) return;
		this.path = path;
		this.#take(read);
		this.text = typed ?? read.text;
	}

	/** Takes what was typed; the preview follows at the next pause. */
	type(text: string): void {
		this.text = text;
		clearTimeout(this.#pause);
		this.#pause = setTimeout(() => void this.#show(), PAUSE_MS);
	}

	/** Saves. What somebody else wrote meanwhile is kept and shown instead. */
	async save(): Promise<boolean> {
		if (!this.saved || (!this.dirty && this.conflict === undefined)) return true;
		const { path, text } = this;
		const done = await this.#desk.write(path, text, this.saved.hash || null);
		if (path !== this.path) return false;
		if ('conflict' in done) {
			this.conflict = done.conflict;
			return false;
		}
		this.saved = { text, hash: done.hash };
		this.conflict = undefined;
		if (this.text === text) await this.#undraft();
		return true;
	}

	/** The file has changed on disk: it is read anew, unless something typed would be lost by that. */
	async changed(): Promise<void> {
		if (!this.saved || this.dirty) return;
		const { path } = this;
		const read = await this.#desk.read(path);
		if (path === this.path && !this.dirty && read.hash !== this.saved.hash) this.#take(read);
	}

	/** Settles a conflict: by what is on disk, or by writing over it at the next save. */
	async settle(by: 'theirs' | 'mine'): Promise<boolean> {
		const theirs = this.conflict;
		if (theirs === undefined) return true;
		if (by === 'theirs') {
			this.#take(theirs ?? { text: '', hash: '' });
			await this.#undraft();
			return true;
		}
		// No hash: the file is made anew, as somebody removed it.
		this.saved = theirs ?? { text: '', hash: '' };
		return this.save();
	}

	/** Takes back what the preview shows unsaved. */
	close(): void {
		void this.#undraft().catch(() => undefined);
	}

	#take(read: ReadText): void {
		this.text = read.text;
		this.saved = read;
		this.conflict = undefined;
	}

	async #show(): Promise<void> {
		const { path, text, dirty } = this;
		if (path) await this.#desk.draft(path, dirty ? text : null).catch(() => undefined);
	}

	async #undraft(): Promise<void> {
		clearTimeout(this.#pause);
		if (this.path) await this.#desk.draft(this.path, null);
	}
}
