import { refusedFrom, type CommandError, type PlanView } from '$ipc';
import { place } from './place.svelte';

/** One thing that is being done, and why it was refused. */
export class Act {
	busy = $state(false);
	failure = $state.raw<CommandError | null>(null);

	/** Does it; what refuses it is kept, to be shown where it was asked for. */
	async run(work: () => Promise<unknown>): Promise<boolean> {
		if (this.busy) return false;
		this.busy = true;
		this.failure = null;
		try {
			await work();
			return true;
		} catch (error) {
			this.failure = refusedFrom(error);
			return false;
		} finally {
			this.busy = false;
		}
	}

	/** Makes a plan and goes to look at it. */
	plan(make: () => Promise<PlanView>): Promise<boolean> {
		return this.run(async () => place.go(`/plans/${(await make()).id}`));
	}

	/** Forgets why it was refused. */
	forget(): void {
		this.failure = null;
	}
}
