import { beforeEach, expect, test, vi } from 'vitest';
import type { DeploymentFilterView, DeploymentRowView } from '$ipc';

const asked = vi.hoisted(() => ({ ids: vi.fn(), rows: vi.fn() }));
vi.mock('$ipc', () => ({
	api: { deploymentIds: asked.ids, deploymentRows: asked.rows },
	refusedFrom: (error: unknown) => error
}));

const { History } = await import('./history.svelte');

const idOf = (n: number): string => `0193-${String(n).padStart(6, '0')}`;
const row = (id: string): DeploymentRowView =>
	({
		deployment: {
			id,
			environment_id: 'e',
			service_id: 's',
			status: 'running',
			release_id: null,
			failure: null,
			finished_at: null
		},
		number: null,
		serves: true
	}) as unknown as DeploymentRowView;
const everything = {} as DeploymentFilterView;
const ids = Array.from({ length: 10_000 }, (_, place) => idOf(9_999 - place));
const settled = (): Promise<void> => new Promise((done) => setTimeout(done));

beforeEach(() => {
	asked.ids.mockReset().mockResolvedValue(ids);
	asked.rows.mockReset().mockImplementation(async (wanted: string[]) => wanted.map(row));
});

test('only rows around those in sight are asked for, each once', async () => {
	const history = new History();
	await history.load(everything);
	history.look(5_000, 5_015);
	await settled();
	expect(history.at(5_007)?.deployment.id).toBe(ids[5_007]);
	expect(history.at(9_000)).toBeUndefined();
	const before = asked.rows.mock.calls.length;
	history.look(5_002, 5_017);
	await settled();
	expect(asked.rows.mock.calls.length - before).toBeLessThanOrEqual(1);
	const all = asked.rows.mock.calls.flatMap(([wanted]) => wanted as string[]);
	expect(new Set(all).size).toBe(all.length);
	expect(all.length).toBeLessThan(200);
});

test('scrolling through all of them holds a bounded number of rows', async () => {
	const history = new History();
	await history.load(everything);
	for (let from = 0; from < 10_000; from += 40) {
		history.look(from, from + 15);
		await settled();
	}
	const held = ids.filter((_, place) => history.at(place)).length;
	expect(held).toBeLessThanOrEqual(1_000);
	expect(history.at(9_970)).toBeDefined();
});

test('what an older question answers late does not count', async () => {
	const history = new History();
	let late: (ids: string[]) => void = () => undefined;
	asked.ids.mockReturnValueOnce(new Promise((done) => (late = done)));
	const first = history.load(everything);
	await history.load(everything);
	late(['older']);
	await first;
	expect(history.ids.length).toBe(10_000);
});

test('a row follows its deployment; who served before is asked for again', async () => {
	const history = new History();
	await history.load(everything);
	history.look(0, 10);
	await settled();
	const now = { ...row(idOf(9_999)).deployment, status: 'succeeded' as const, release_id: 'r' };
	asked.rows.mockClear();
	history.take(now);
	expect(history.at(0)?.deployment.status).toBe('succeeded');
	await settled();
	const again = asked.rows.mock.calls.flatMap(([wanted]) => wanted as string[]);
	expect(again).toContain(idOf(9_998));
	history.take({ ...now, id: 'not in sight' });
	expect(history.has(idOf(123))).toBe(true);
	expect(history.has('0193-x')).toBe(false);
});

test('a refusal is told', async () => {
	const history = new History();
	asked.ids.mockRejectedValueOnce({ code: 'store_unreadable' });
	await history.load(everything);
	expect(history.state).toBe('error');
	expect(history.failure?.code).toBe('store_unreadable');
});
