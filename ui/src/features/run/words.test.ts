import type { JobView, RunView } from '$ipc';
import { describe, expect, it } from 'vitest';
import { heldBy, jobOf, nameOf, wordOf } from './words';

const run = (change: Partial<RunView> = {}): RunView => ({
	name: 'plimsoll-run.shop.1.web',
	project_id: 'p',
	project: 'shop',
	part: 'service',
	service_id: 's',
	service: 'web',
	running: true,
	oom_killed: false,
	exit_code: null,
	started_at: '',
	url: null,
	hold: 'held',
	holder: null,
	watched: false,
	...change
});

const job = (change: Partial<JobView>): JobView =>
	({ target: 'run:p', title: 'Run shop/web here', status: 'running', ...change }) as JobView;

describe('what runs here', () => {
	it('is told by its job first, then by how it ended', () => {
		const word = (change: Partial<RunView>) => wordOf(run(change), undefined).text;
		expect(wordOf(run(), job({})).text).toBe('Starting…');
		expect(wordOf(undefined, undefined).text).toBe('Not running');
		expect(wordOf(undefined, job({ status: 'failed' })).text).toBe('Failed');
		expect(wordOf(run(), job({ status: 'failed' })).text).toBe('Running');
		expect(wordOf(undefined, job({ status: 'succeeded' })).text).toBe('Not running');
		expect(word({})).toBe('Running');
		expect(word({ running: false, oom_killed: true, exit_code: 137 })).toBe('Out of memory');
		expect(word({ running: false, exit_code: 3 })).toBe('Ended with 3');
		expect(word({ running: false })).toBe('Never started');
	});

	it('is said to be of another process where that holds it', () => {
		expect(heldBy(undefined)).toBe('');
		expect(heldBy(run())).toBe('');
		expect(heldBy(run({ holder: 'ada@laptop, process 12' }))).toContain('ada@laptop, process 12');
	});

	it('has a name also when it is no service', () => {
		expect(nameOf(run())).toBe('web');
		expect(nameOf(run({ part: 'database', service: null }))).toBe('Postgres');
		expect(nameOf(run({ part: 'release' }))).toBe('web (release command)');
	});

	it('is about the newest job of that service', () => {
		const jobs = [
			job({ id: 'a', created_at: '2026-01-01' }),
			job({ id: 'b', created_at: '2026-01-03' }),
			job({ id: 'c', created_at: '2026-01-02' }),
			job({ id: 'd', created_at: '2026-01-04', target: 'run:other' }),
			job({ id: 'e', created_at: '2026-01-05', title: 'Run shop/worker here' })
		];
		expect(jobOf(jobs, 'p', 'Run shop/web here')?.id).toBe('b');
		expect(jobOf([], 'p', 'Run shop/web here')).toBeUndefined();
	});
});
