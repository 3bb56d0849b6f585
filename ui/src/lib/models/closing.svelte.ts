import { api, events, type CloseAsked } from '$ipc';
import { place } from './place.svelte';

/**
 * What the window is asked from outside: to close while something runs, to keep what was typed before the
 * end, to show what a link leads to.
 */
class Closing {
	/** The question that stands, if there is one. */
	asked = $state<CloseAsked | null>(null);
	readonly #last = new Set<() => Promise<void>>();

	/** Listens from now on. */
	async listen(): Promise<void> {
		await events.closeAsked.listen(({ payload }) => (this.asked = payload));
		await events.ending.listen(() => void this.#keep());
		await events.opened.listen(({ payload }) => place.go(payload.path));
	}

	/** Keeps something before the program ends, until the returned function is called. */
	atEnd(keep: () => Promise<void>): () => void {
		this.#last.add(keep);
		return () => void this.#last.delete(keep);
	}

	async #keep(): Promise<void> {
		await Promise.allSettled([...this.#last].map((keep) => keep()));
		await api.windowKept();
	}

	/** Everything stays as it is. */
	stay(): void {
		this.asked = null;
	}

	/** The window goes, the jobs go on. */
	async hide(): Promise<void> {
		this.asked = null;
		await api.windowHide();
	}

	/** Everything ends; the jobs become interrupted, and what runs on this machine is stopped or left, from then on without a question where that shall be remembered. */
	async quit(keepRuns: boolean, remember: boolean): Promise<void> {
		await api.windowQuit(keepRuns, remember);
	}
}

export const closing = new Closing();
