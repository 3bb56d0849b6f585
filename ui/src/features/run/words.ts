import type { JobView, RunView } from '$ipc';
import type { Tone } from '$parts/types';

/** How something is here, in a word. */
export interface Word {
	text: string;
	tone: Tone;
}

/** Whether a job is in line or runs. */
export function isUnderway(job: JobView | undefined): boolean {
	return job?.status === 'running' || job?.status === 'queued';
}

/** How a container is; what the newest job does to it comes first. */
export function wordOf(run: RunView | undefined, job: JobView | undefined): Word {
	if (isUnderway(job)) {
		return { text: job?.status === 'queued' ? 'In line' : 'Starting…', tone: 'live' };
	}
	if (!run && job?.status === 'failed') return { text: 'Failed', tone: 'bad' };
	if (!run) return { text: 'Not running', tone: 'quiet' };
	if (run.running) return { text: 'Running', tone: 'good' };
	if (run.oom_killed) return { text: 'Out of memory', tone: 'bad' };
	if (run.exit_code === 0) return { text: 'Ended', tone: 'quiet' };
	if (run.exit_code === null) return { text: 'Never started', tone: 'warn' };
	return { text: `Ended with ${run.exit_code}`, tone: 'bad' };
}

/** Whose a container is when another process has started it; empty when it is ours or nobody's. */
export function heldBy(run: RunView | undefined): string {
	if (!run?.holder) return '';
	return `Started by ${run.holder}, such as a command in a terminal: it ends with that.`;
}

/** The name of what a container is for. */
export function nameOf(run: RunView): string {
	switch (run.part) {
		case 'database':
			return 'Postgres';
		case 'release':
			return `${run.service ?? ''} (release command)`;
		case 'service':
			return run.service ?? '';
	}
}

/** The newest job that runs a service of a project here, of those that have not ended or that failed. */
export function jobOf(jobs: JobView[], projectId: string, title: string): JobView | undefined {
	const target = `run:${projectId}`;
	return jobs
		.filter((job) => job.target === target && job.title === title)
		.reduce<JobView | undefined>(
			(newest, job) => (newest && newest.created_at > job.created_at ? newest : job),
			undefined
		);
}
