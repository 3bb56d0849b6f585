import { refusedFrom, type CommandError } from '$ipc';

/** Something that is asked for rather than told: loading, there, or refused. */
export class Asked<T> {
	value = $state.raw<T | null>(null);
	failure = $state.raw<CommandError | null>(null);
	loading = $state(false);
	readonly state: 'loading' | 'error' | 'full' = $derived(
		this.failure ? 'error' : this.value === null ? 'loading' : 'full'
	);
	#ask: () => Promise<T>;
	#latest = 0;

	constructor(ask: () => Promise<T>) {
		this.#ask = ask;
	}

	/** Asks, again or for the first time; of several answers the one asked for last counts. */
	async load(): Promise<void> {
		const turn = ++this.#latest;
		this.loading = true;
		try {
			const value = await this.#ask();
			if (turn !== this.#latest) return;
			this.value = value;
			this.failure = null;
		} catch (error) {
			if (turn === this.#latest) this.failure = refusedFrom(error);
		} finally {
			if (turn === this.#latest) this.loading = false;
		}
	}
}
