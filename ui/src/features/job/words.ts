import type { JobStatusView, JobView, StepStatusView } from '$ipc';
import type { Tone } from '$parts/types';

/** Where a job stands, as people read it. */
export const STATUS: Record<JobStatusView, { tone: Tone; word: string }> = {
	queued: { tone: 'quiet', word: 'Waiting' },
	running: { tone: 'live', word: 'Running' },
	succeeded: { tone: 'good', word: 'Succeeded' },
	failed: { tone: 'bad', word: 'Failed' },
	cancelled: { tone: 'quiet', word: 'Cancelled' },
	interrupted: { tone: 'warn', word: 'Interrupted' }
};

/** Where a step stands, as people read it. */
export const STEP: Record<StepStatusView, { tone: Tone; word: string }> = {
	pending: { tone: 'quiet', word: 'Not begun' },
	running: { tone: 'live', word: 'Running' },
	done: { tone: 'good', word: 'Done' },
	skipped: { tone: 'good', word: 'Was done already' },
	failed: { tone: 'bad', word: 'Failed' },
	undoing: { tone: 'live', word: 'Being undone' },
	undone: { tone: 'quiet', word: 'Undone' },
	undo_failed: { tone: 'bad', word: 'Could not be undone' }
};

/** A step that was begun when the process ended: what became of it is looked at by resume and undo. */
export const STOPPED: { tone: Tone; word: string } = { tone: 'warn', word: 'Interrupted' };

/** One word for a job, which also says which way it works. */
export function statusWord(job: JobView): string {
	if (job.status === 'running' && job.direction === 'back') return 'Undoing';
	if (job.status === 'running' && job.cancel_requested) return 'Stopping';
	return STATUS[job.status].word;
}

/** How long something took or has taken so far, ms; null before it begins. */
export function lasted(
	at: { started_at: string | null; finished_at: string | null },
	now: number
): number | null {
	if (!at.started_at) return null;
	const end = at.finished_at ? Date.parse(at.finished_at) : now;
	return Math.max(0, end - Date.parse(at.started_at));
}
