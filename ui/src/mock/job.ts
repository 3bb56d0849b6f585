/** Jobs that run, failed, wait and were interrupted; one step has logged a million lines. */
import type {
	Channel,
	CommandError,
	JobDetailView,
	JobLinesView,
	JobNewsView,
	JobStatusView,
	JobView,
	StepStatusView,
	StepView
} from '$ipc';
import { answer, asked, desk, stated } from './answer';
import { serverIds } from './server';

const id = (tail: string): string => `0193a5c2-0000-7000-8000-00000000a${tail}`;
export const jobIds = {
	running: id('001'),
	failed: id('002'),
	interrupted: id('003'),
	waiting: id('004'),
	succeeded: id('005')
};

const secondsAgo = (seconds: number): string =>
	new Date(Date.now() - seconds * 1_000).toISOString();

const failure: CommandError = {
	code: 'unhealthy',
	message: 'The new container of shop/production/web did not become healthy on web-1.',
	evidence: [
		'GET /healthz answered 301 (wanted 200 to 299), 14 times in 60 s',
		'Location: https://localhost/healthz',
		'Error: redirecting plain http'
	],
	next_step: 'Choose a health path that answers 200 over plain http, then deploy again.',
	retryable: false,
	field: ''
};

const TITLES = [
	'Send 14 of 212 files',
	'Build the image on web-1',
	'Send the missing layers to web-2',
	'Start beside the old container on web-1',
	'Start beside the old container on web-2',
	'Switch both servers',
	'Write the release down'
];

function steps(statuses: StepStatusView[]): StepView[] {
	return TITLES.map((title, number) => {
		const status = statuses[number] ?? 'pending';
		const begun = status !== 'pending';
		return {
			number,
			title,
			status,
			attempt: begun ? 1 : 0,
			failure: status === 'failed' ? failure : null,
			started_at: begun ? secondsAgo(70 - number * 12) : null,
			finished_at: begun && status !== 'running' ? secondsAgo(60 - number * 12) : null
		};
	});
}

const LINES = [12, 1_000_000, 40, 220, 80, 6, 2];

function news(
	jobId: string,
	status: JobStatusView,
	statuses: StepStatusView[],
	more: Partial<JobNewsView> = {}
): JobNewsView {
	const all = steps(statuses);
	const ended = status !== 'running' && status !== 'queued' && status !== 'interrupted';
	const job: JobView = {
		id: jobId,
		plan_id: '0193a5c2-0000-7000-8000-00000000b001',
		target: 'service:web@production',
		title: 'Deploy shop/production/web',
		status,
		direction: status === 'failed' ? 'back' : 'forward',
		on_failure: 'undo',
		cancel_requested: false,
		failure: status === 'failed' ? failure : null,
		created_at: secondsAgo(75),
		started_at: status === 'queued' ? null : secondsAgo(72),
		finished_at: ended ? secondsAgo(4) : null
	};
	return {
		job,
		steps: all,
		moves: {
			can_cancel: !ended,
			can_resume: status === 'interrupted',
			can_undo: status === 'interrupted',
			can_retry: status === 'failed'
		},
		lines: all.map((step, number) => (step.status === 'pending' ? 0 : (LINES[number] ?? 0))),
		bytes: [],
		waiting: null,
		...more
	};
}

const all: Record<string, JobNewsView> = {
	[jobIds.running]: news(jobIds.running, 'running', ['done', 'done', 'running'], {
		bytes: [{ step: 2, done: 31_200_000, total: 48_300_000 }]
	}),
	[jobIds.failed]: news(jobIds.failed, 'failed', ['done', 'undone', 'undone', 'failed', 'undone']),
	[jobIds.interrupted]: news(jobIds.interrupted, 'interrupted', [
		'done',
		'done',
		'done',
		'running'
	]),
	[jobIds.waiting]: news(jobIds.waiting, 'queued', [], {
		waiting: {
			job_id: jobIds.running,
			title: 'Deploy shop/production/web',
			status: 'running',
			process: 'plimsoll deploy (ada@laptop)'
		}
	}),
	[jobIds.succeeded]: news(jobIds.succeeded, 'succeeded', Array(7).fill('done'))
};

const detail = (jobId: unknown): JobDetailView => ({
	now: all[String(jobId)] ?? news(String(jobId), 'succeeded', Array(7).fill('done')),
	deployment: null
});

stated(
	'job_get',
	({ jobId }) => detail(jobId),
	({ jobId }) => detail(jobId)
);
answer('job_follow', ({ jobId, channel }) => {
	const told = (channel as Channel<JobNewsView>).onmessage;
	const now = all[String(jobId)];
	if (now) setTimeout(() => told(now), 50);
	return 7;
});
for (const move of ['job_cancel', 'job_resume', 'job_undo', 'job_retry'])
	answer(move, ({ jobId }) => ({ id: jobId, seq: 1 }));
answer('job_since', () => [
	{
		server_id: serverIds.web1,
		text: 'web-1 finished alone: the new release serves there.',
		at: secondsAgo(30),
		serves: true
	},
	{
		server_id: serverIds.web2,
		text: 'web-2 stopped after this: the new container is healthy and waits; the old one serves.',
		at: secondsAgo(34),
		serves: false
	}
]);

const WORDS = ['resolve', 'fetch', 'compile', 'link', 'copy', 'hash', 'push', 'verify'];
const text = (step: number, line: number): string =>
	line % 97 === 0
		? `\u001b[33mwarning\u001b[0m: ${WORDS[line % 8]} took ${line % 13} s longer than before`
		: `#${(line % 9) + 6} ${WORDS[(line + step) % 8]} layer ${line} of the image`;

answer('job_lines', ({ step, from, count }): JobLinesView => {
	const first = Number(from);
	const last = Math.min(first + Number(count), LINES[Number(step)] ?? 0);
	return {
		from: first,
		lines: Array.from({ length: Math.max(0, last - first) }, (_, line) => ({
			text: text(Number(step), first + line),
			at: secondsAgo(60),
			is_error: (first + line) % 211 === 210
		}))
	};
});
answer('job_line_with', ({ step, text: wanted, from, forward }) => {
	const total = LINES[Number(step)] ?? 0;
	const by = forward ? 1 : -1;
	const looked = String(wanted).toLowerCase();
	for (let line = Number(from); line >= 0 && line < total; line += by)
		if (text(Number(step), line).toLowerCase().includes(looked)) return line;
	return null;
});

const underway = [jobIds.running, jobIds.waiting];
if (asked('job') === 'interrupted') underway.push(jobIds.interrupted);
desk({ jobs: underway.flatMap((jobId) => all[jobId]?.job ?? []) });
