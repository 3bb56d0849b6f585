import type { DeploymentKindView, HealthView, JobStatusView } from '$ipc';
import type { Tone } from '$parts/types';
import type { Wellness } from '$models/health.svelte';

/** How a service is, as people read it. */
export const WELLNESS: Record<Wellness, { tone: Tone; word: string }> = {
	unknown: { tone: 'quiet', word: 'Not known' },
	healthy: { tone: 'good', word: 'Healthy' },
	starting: { tone: 'live', word: 'Starting' },
	away: { tone: 'warn', word: 'No answer' },
	partly: { tone: 'warn', word: 'Not on all servers' },
	unhealthy: { tone: 'bad', word: 'Unhealthy' },
	stopped: { tone: 'quiet', word: 'Not running' }
};

/** The worst of several, for a card: what asks for a look comes first. */
const ORDER: Wellness[] = [
	'unhealthy',
	'away',
	'partly',
	'starting',
	'stopped',
	'unknown',
	'healthy'
];

/** One word for all services of an environment; one that was never deployed is no trouble. */
export function worst(all: Wellness[]): Wellness {
	const deployed = all.filter((one) => one !== 'stopped');
	const counted = deployed.length ? deployed : all;
	return ORDER.find((one) => counted.includes(one)) ?? 'unknown';
}

/** How a deployment went, behind the name of its service. */
export const OUTCOME: Record<JobStatusView, { tone: Tone; word: string; label: string }> = {
	queued: { tone: 'quiet', word: 'waits to be deployed since', label: 'Queued' },
	running: { tone: 'live', word: 'is being deployed since', label: 'Running' },
	succeeded: { tone: 'good', word: 'deployed', label: 'Succeeded' },
	failed: { tone: 'bad', word: 'failed to deploy', label: 'Failed' },
	cancelled: { tone: 'quiet', word: 'was cancelled', label: 'Cancelled' },
	interrupted: { tone: 'warn', word: 'was interrupted', label: 'Interrupted' }
};

/** How a service is on one server. */
export const HEALTH: Record<HealthView, { tone: Tone; word: string }> = {
	healthy: { tone: 'good', word: 'Healthy' },
	starting: { tone: 'live', word: 'Starting' },
	unhealthy: { tone: 'bad', word: 'Unhealthy' },
	stopped: { tone: 'quiet', word: 'Stopped' }
};

/** Why a deployment happened. */
export const KINDS: Record<DeploymentKindView, string> = {
	deploy: 'Deployment',
	rollback: 'Rollback',
	reconfigure: 'Settings applied',
	restart: 'Restart'
};
