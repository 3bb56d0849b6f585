import { expect, test } from 'vitest';
import type { CommandError, JobView } from '$ipc';
import { remedyFor } from './remedy';

const failure = (code: string, next_step = ''): CommandError => ({
	code,
	message: 'It failed.',
	evidence: [],
	next_step,
	retryable: false,
	field: ''
});
const id = '0193a5c2-0000-7000-8000-00000000aa01';

test('an interrupted job in the way is one click away', () => {
	expect(remedyFor(failure('target_interrupted', `Resume or undo the job ${id} first.`))).toEqual({
		label: 'Look at that job',
		path: `/jobs/${id}`
	});
	expect(remedyFor(failure('target_interrupted', 'Resume it first.'))).toBeNull();
});

test('a plan whose world has moved is made again', () => {
	expect(remedyFor(failure('plan_outdated'))).toEqual({
		label: 'Make the plan again',
		again: true
	});
});

test('trouble of a server leads to that server', () => {
	const job = { target: `server:${id}` } as JobView;
	expect(remedyFor(failure('ssh_tcp'), job)).toEqual({
		label: 'Look at the server',
		path: `/servers/${id}`
	});
	expect(remedyFor(failure('disk_full'))).toEqual({
		label: 'Look at the servers',
		path: '/servers'
	});
});

test('what only a person can mend has no button', () => {
	expect(remedyFor(failure('build_failed'))).toBeNull();
});
