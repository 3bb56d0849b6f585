import { beforeEach, expect, test, vi } from 'vitest';
import type { JobNewsView } from '$ipc';

const door = vi.hoisted(() => ({
	jobGet: vi.fn(),
	jobFollow: vi.fn(),
	streamStop: vi.fn(),
	jobLines: vi.fn()
}));
vi.mock('$ipc', () => ({
	api: door,
	Channel: class {
		onmessage: (news: unknown) => void = () => undefined;
	},
	refusedFrom: (error: unknown) => error
}));
vi.mock('$models/desk.svelte', () => ({ desk: { written: (receipt: unknown) => receipt } }));

const { FollowedJob, JobLog } = await import('./follow.svelte');

const news = (status: string): JobNewsView =>
	({ job: { id: 'j', status }, steps: [], lines: [] }) as unknown as JobNewsView;
const settled = (): Promise<void> => new Promise((done) => setTimeout(done));

beforeEach(() => {
	for (const command of Object.values(door)) command.mockReset();
	door.jobFollow.mockResolvedValue(7);
});

test('a job that goes on is followed, and no longer when nobody looks', async () => {
	door.jobGet.mockResolvedValue({ now: news('running'), deployment: null });
	const job = new FollowedJob();
	const stop = job.follow('j');
	await settled();
	expect(job.now?.job.status).toBe('running');
	const channel = door.jobFollow.mock.calls[0]?.[1] as { onmessage: (news: unknown) => void };
	channel.onmessage(news('succeeded'));
	expect(job.now?.job.status).toBe('succeeded');
	stop();
	expect(door.streamStop).toHaveBeenCalledWith(7);
	channel.onmessage(news('running'));
	expect(job.now?.job.status).toBe('succeeded');
});

test('a job that has ended is read once', async () => {
	door.jobGet.mockResolvedValue({ now: news('failed'), deployment: null });
	const job = new FollowedJob();
	job.follow('j');
	await settled();
	expect(door.jobGet).toHaveBeenCalledTimes(1);
	expect(door.jobFollow).not.toHaveBeenCalled();
});

test('what is refused is told, not thrown', async () => {
	const job = new FollowedJob();
	const failure = await job.ask('undo', () => Promise.reject({ code: 'job_wrong_status' }));
	expect(failure?.code).toBe('job_wrong_status');
	expect(job.asking).toBe('');
});

test('lines that are no longer kept leave their places', async () => {
	door.jobLines.mockResolvedValue({
		from: 12,
		lines: [{ text: 'twelve', at: 'now', is_error: true }]
	});
	const log = new JobLog('j', 1, () => 13);
	const lines = await log.lines(10, 3);
	expect(lines.map((line) => line.text)).toEqual([
		'(no longer kept)',
		'(no longer kept)',
		'twelve'
	]);
	expect(lines[2]?.tone).toBe('err');
});
