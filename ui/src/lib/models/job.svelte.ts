import type { JobView } from '$ipc';
import { Rows } from './rows.svelte';

/** Jobs that have not ended, and every one that changed since; not all there are. */
class Jobs extends Rows<JobView> {
	/** Those that run or wait for their turn, oldest first. */
	readonly underway: JobView[] = $derived(
		this.all.filter((job) => job.status === 'running' || job.status === 'queued')
	);
	/** Those whose process ended in the middle: each waits for a decision. */
	readonly interrupted: JobView[] = $derived(
		this.all.filter((job) => job.status === 'interrupted')
	);
}

export const jobs = new Jobs();
