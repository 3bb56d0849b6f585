import { refusedFrom, type CommandError, type PlanView } from '$ipc';
import { place } from '$models/place.svelte';

/** Makes plans and goes to them; keeps why one could not be made. */
export class Planning {
	/** What is being planned now. */
	busy = $state('');
	failure = $state.raw<CommandError | null>(null);

	/** Makes a plan and shows it. Answers whether there is one. */
	async make(what: string, plan: () => Promise<PlanView>): Promise<boolean> {
		if (this.busy) return false;
		this.busy = what;
		this.failure = null;
		try {
			const { id } = await plan();
			place.go(`/plans/${id}`);
			return true;
		} catch (error) {
			this.failure = refusedFrom(error);
			return false;
		} finally {
			this.busy = '';
		}
	}
}
