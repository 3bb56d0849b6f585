import { read, written, type Level, type Telling } from './messages';

/** Something that the preview wrote to its console. */
export interface Said {
	at: string;
	level: Level;
	text: string;
}

/** A request of the preview that did not come to anything. */
export interface FailedRequest {
	at: string;
	address: string;
	why: string;
}

/** How often a page is asked whether it still runs, and how often it may miss that, ms and times. */
const EVERY_MS = 2_000;
const MISSED = 5;

/** How long a page may take to say that it is there, ms. */
const LATE_MS = 8_000;

/** How much is kept of each list; the oldest goes first. */
const KEPT = 500;

/** A page in a frame: what it tells, and what it is told. */
export class Preview {
	said = $state.raw<Said[]>([]);
	failed = $state.raw<FailedRequest[]>([]);
	/** The page's path and title, once it is there. */
	page = $state.raw<{ path: string; title: string } | null>(null);
	/** The page should have said long ago that it is there. */
	late = $state(false);
	/** How often it was painted: what changes when it was painted again. */
	painted = $state(0);
	#frame: HTMLIFrameElement | null = null;
	#memory: string | null = null;
	/** What has changed while the page was on its way; null when nothing has. */
	#missed: string[] | null = null;
	#unheard = 0;
	#waits: ReturnType<typeof setTimeout> | undefined;
	readonly #now: () => string;

	// A moment, not something to be looked at.
	// eslint-disable-next-line svelte/prefer-svelte-reactivity
	constructor(now: () => string = () => new Date().toISOString()) {
		this.#now = now;
	}

	/**
	 * Listens to a frame until the returned function is called. A page that was there and answers no
	 * more is told of: where it runs in another process than this one, only it stands still.
	 */
	attach(frame: HTMLIFrameElement, onsilence: () => void): () => void {
		this.#frame = frame;
		this.#unheard = 0;
		this.#clear();
		this.#wait();
		const asking = setInterval(() => {
			if (!this.page) return;
			this.#unheard += 1;
			if (this.#unheard > MISSED) {
				clearInterval(asking);
				onsilence();
			} else this.#tell({ kind: 'ping' });
		}, EVERY_MS);
		const hear = (event: MessageEvent): void => {
			// A sandboxed page is of no origin, and no other page of none sits in this frame.
			if (event.source !== frame.contentWindow || event.origin !== 'null') return;
			this.#take(event.data);
		};
		window.addEventListener('message', hear);
		return () => {
			clearInterval(asking);
			this.#came();
			window.removeEventListener('message', hear);
			this.#frame = null;
			this.page = null;
		};
	}

	/**
	 * Tells the page that files have changed; none when everything may have. One that is still on its way
	 * is told when it is there, as it may have been read before.
	 */
	changed(paths: string[]): void {
		if (this.page) this.#tell({ kind: 'changed', paths });
		else if (!this.#missed || !paths.length) this.#missed = paths;
		else if (this.#missed.length) this.#missed = [...this.#missed, ...paths];
	}

	/** Another page comes: what the one before said and missed may be right by now. */
	#clear(): void {
		this.said = [];
		this.failed = [];
	}

	#wait(): void {
		this.#came();
		this.#waits = setTimeout(() => (this.late = true), LATE_MS);
	}

	#came(): void {
		clearTimeout(this.#waits);
		this.late = false;
	}

	#tell(telling: Telling): void {
		// A page of no origin cannot be named as the one that this is for.
		this.#frame?.contentWindow?.postMessage(written(telling), '*');
	}

	#take(data: unknown): void {
		const told = read(data);
		if (!told) return;
		this.#unheard = 0;
		switch (told.kind) {
			case 'ready':
				this.page = { path: told.path, title: told.title };
				this.#came();
				if (this.#memory !== null) this.#tell({ kind: 'remember', memory: this.#memory });
				this.#memory = null;
				if (this.#missed) this.#tell({ kind: 'changed', paths: this.#missed });
				this.#missed = null;
				break;
			case 'heard':
				break;
			case 'painted':
				this.painted += 1;
				break;
			case 'reloading':
				this.#memory = told.memory;
				this.#clear();
				// The next page says itself that it is there.
				this.page = null;
				this.#wait();
				break;
			case 'console':
				this.said = [
					...this.said.slice(1 - KEPT),
					{ at: this.#now(), level: told.level, text: told.text }
				];
				break;
			case 'failed':
				this.failed = [
					...this.failed.slice(1 - KEPT),
					{ at: this.#now(), address: told.address, why: told.why }
				];
				break;
		}
	}
}
