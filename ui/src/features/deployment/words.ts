import type { DeploymentKindView, DifferenceView, JobStatusView } from '$ipc';
import type { Tone } from '$parts/types';

/** Where a deployment stands, as people read it. */
export const STATUS: Record<JobStatusView, { tone: Tone; word: string }> = {
	queued: { tone: 'quiet', word: 'Waiting' },
	running: { tone: 'live', word: 'Running' },
	succeeded: { tone: 'good', word: 'Succeeded' },
	failed: { tone: 'bad', word: 'Failed' },
	cancelled: { tone: 'quiet', word: 'Cancelled' },
	interrupted: { tone: 'warn', word: 'Interrupted' }
};

/** Why a deployment happened. */
export const KINDS: Record<DeploymentKindView, string> = {
	deploy: 'Deployment',
	rollback: 'Rollback',
	reconfigure: 'Settings applied',
	restart: 'Restart'
};

/** How something stands in the second release against the first. */
export const DIFFERENCES: Record<DifferenceView, { tone: Tone; word: string }> = {
	added: { tone: 'good', word: 'Added' },
	removed: { tone: 'bad', word: 'Removed' },
	changed: { tone: 'warn', word: 'Changed' },
	sealed: { tone: 'accent', word: 'Set again' },
	same: { tone: 'quiet', word: 'The same' }
};

/** A commit or a hash as people quote it. */
export const short = (hash: string): string => hash.slice(0, 10);

/** The digest behind an image's name, shortened. */
export function digestOf(image: string): string {
	const digest = image.split('@')[1] ?? image;
	return digest.slice(0, 19);
}
