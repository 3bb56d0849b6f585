import type { CommandError, JobView } from '$ipc';

/** What the button beside a failure does: go somewhere, or have the plan made again. */
export type Remedy = { label: string; path: string } | { label: string; again: true };

const ID = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/;

/** The button that does the next step of a failure; null where only a person can. */
export function remedyFor(failure: CommandError, job?: JobView): Remedy | null {
	const told = [failure.next_step, failure.message, ...failure.evidence].join(' ');
	const server = /^server:([0-9a-f-]{36})$/.exec(job?.target ?? '')?.[1];
	switch (failure.code) {
		case 'target_interrupted':
		case 'plan_approved': {
			const id = ID.exec(told)?.[0];
			return id ? { label: 'Look at that job', path: `/jobs/${id}` } : null;
		}
		case 'plan_outdated':
		case 'source_changed':
			return { label: 'Make the plan again', again: true };
		case 'unauthorized':
		case 'forbidden':
		case 'token_missing':
			return { label: 'Look at the accounts', path: '/settings/accounts' };
		case 'disk_full':
		case 'server_off':
		case 'server_unreachable':
		case 'server_not_ready':
		case 'agent_answer':
		case 'ssh_tcp':
		case 'ssh_refused':
		case 'ssh_cut':
		case 'ssh_authentication':
		case 'ssh_host_key_changed':
			return server
				? { label: 'Look at the server', path: `/servers/${server}` }
				: { label: 'Look at the servers', path: '/servers' };
		default:
			return null;
	}
}
