import { expect, test } from 'vitest';
import { filterOf, narrows } from './filter';

const now = Date.parse('2026-11-21T12:00:00.000Z');

test('an address says which deployments are shown', () => {
	const query = new URLSearchParams('status=failed&kind=rollback&days=7&text=web&service=s1');
	expect(filterOf(query, now)).toEqual({
		project_id: null,
		environment_id: null,
		service_id: 's1',
		status: 'failed',
		kind: 'rollback',
		since: '2026-11-14T12:00:00.000Z',
		until: null,
		text: 'web'
	});
	expect(narrows(query)).toBe(true);
});

test('what cannot be filters nothing', () => {
	const filter = filterOf(new URLSearchParams('status=odd&kind=&days=-1'), now);
	expect([filter.status, filter.kind, filter.since]).toEqual([null, null, null]);
	expect(narrows(new URLSearchParams('compare=a'))).toBe(false);
});
