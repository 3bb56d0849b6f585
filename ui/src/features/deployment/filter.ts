import type { DeploymentFilterView, DeploymentKindView, JobStatusView } from '$ipc';

/** What the address may ask for. */
export const QUESTIONS = ['text', 'project', 'environment', 'service', 'status', 'kind', 'days'];

const STATUSES: JobStatusView[] = [
	'queued',
	'running',
	'succeeded',
	'failed',
	'cancelled',
	'interrupted'
];
const KINDS: DeploymentKindView[] = ['deploy', 'rollback', 'reconfigure', 'restart'];
const DAY = 86_400_000;

/** The filter that an address asks for; what it says that cannot be is left out. */
export function filterOf(query: URLSearchParams, now: number): DeploymentFilterView {
	const days = Number(query.get('days') ?? '');
	return {
		project_id: query.get('project'),
		environment_id: query.get('environment'),
		service_id: query.get('service'),
		status: STATUSES.find((status) => status === query.get('status')) ?? null,
		kind: KINDS.find((kind) => kind === query.get('kind')) ?? null,
		since: days > 0 ? new Date(now - days * DAY).toISOString() : null,
		until: null,
		text: query.get('text')
	};
}

/** Whether an address asks for less than everything. */
export function narrows(query: URLSearchParams): boolean {
	return QUESTIONS.some((question) => query.get(question));
}
