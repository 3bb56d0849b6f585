import { api, events, type CloseAsked } from '$ipc';
import { place } from './place.svelte';

/** What the window is asked from outside: to close while something runs, to show what a link leads to. */
class Closing {
	/** The question that stands, if there is one. */
	asked = $state<CloseAsked | null>(null);

	/** Listens from now on. */
	async listen(): Promise<void> {
		await events.closeAsked.listen(({ payload }) => (this.asked = payload));
		await events.opened.listen(({ payload }) => place.go(payload.path));
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
