import { describe, expect, it } from 'vitest';
import type { HealthView, ServiceHealthView } from '$ipc';
import { together, type Standing } from './health.svelte';

const runs = (health: HealthView): Standing => ({
	serverId: health,
	now: { health } as ServiceHealthView,
	away: null
});
const absent: Standing = { serverId: 'x', now: null, away: null };
const unasked: Standing = { serverId: 'y', now: undefined, away: null };
const silent: Standing = {
	serverId: 'z',
	now: undefined,
	away: {
		code: 'ssh_tcp',
		message: '',
		evidence: [],
		next_step: '',
		retryable: true,
		field: ''
	}
};

describe('a service on several servers', () => {
	it.each([
		[[], 'unknown'],
		[[unasked], 'unknown'],
		[[runs('healthy'), unasked], 'healthy'],
		[[runs('healthy'), runs('starting')], 'starting'],
		[[runs('healthy'), absent], 'partly'],
		[[absent, absent], 'stopped'],
		[[runs('healthy'), silent], 'away'],
		[[silent], 'away'],
		[[runs('unhealthy'), runs('healthy'), silent], 'unhealthy']
	] as const)('%j is %s', (standings, word) => expect(together([...standings])).toBe(word));
});
