import type { FiguresView, MachineFiguresView } from '$ipc';
import { describe, expect, it } from 'vitest';
import { figures, KEPT, readingOf } from './server.svelte';

const machine: MachineFiguresView = {
	cpus: 2,
	processor_bp: 2_500,
	load_centi: 40,
	memory_bytes: 1_000,
	memory_available_bytes: 250,
	disk_bytes: 400,
	disk_free_bytes: 300,
	uptime_ms: 1,
	architecture: 'amd64',
	docker_version: '28',
	agent_version: '1',
	agent_memory_bytes: 1,
	agent_current: true
};
const well = (id: string, at: string): FiguresView => ({
	server_id: id,
	at,
	machine,
	failure: null
});

describe('figures', () => {
	it('are shares of the whole', () => {
		expect(readingOf(machine)).toEqual({ processor: 0.25, memory: 0.75, disk: 0.25 });
		expect(readingOf({ ...machine, processor_bp: null, memory_bytes: 0 })).toEqual({
			processor: null,
			memory: null,
			disk: 0.25
		});
	});

	it('keep five minutes', () => {
		for (let n = 0; n < KEPT + 20; n += 1) figures.take(well('many', `at ${n}`));
		expect(figures.of('many')?.past).toHaveLength(KEPT);
		expect(figures.of('many')?.seenAt).toBe(`at ${KEPT + 19}`);
	});

	it('of a server that went away stay as they were seen last, with a gap', () => {
		figures.take(well('gone', 'first'));
		const failure = {
			code: 'ssh_tcp',
			message: 'no connection',
			evidence: [],
			next_step: '',
			retryable: true,
			field: ''
		};
		figures.take({ server_id: 'gone', at: 'second', machine: null, failure });
		const seen = figures.of('gone');
		expect(seen?.machine).toEqual(machine);
		expect(seen?.seenAt).toBe('first');
		expect(seen?.failure?.code).toBe('ssh_tcp');
		expect(seen?.past.map(({ memory }) => memory)).toEqual([0.75, null]);
	});
});
