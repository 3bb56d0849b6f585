/** The shop on this machine: its web service with a database, another that ended, and the rest not running. */
import type { Channel, JobView, LiveLogNews, RunsView, RunView, ScreenBytes } from '$ipc';
import { answer, asked, desk, fail, never, state } from './answer';
import { shopWeb } from './domain';
import { of, shop } from './project';

const started = new Date(Date.now() - 11 * 60_000).toISOString();
const container = (change: Partial<RunView>): RunView => ({
	name: 'plimsoll-run.shop.000f0001.web',
	project_id: shop,
	project: 'shop',
	part: 'service',
	service_id: shopWeb,
	service: 'web',
	running: true,
	oom_killed: false,
	exit_code: null,
	started_at: started,
	url: 'http://127.0.0.1:49153',
	hold: 'held',
	holder: null,
	watched: true,
	...change
});
const database = container({
	name: 'plimsoll-run.shop.000f0001.postgres.internal',
	part: 'database',
	service_id: null,
	service: null,
	url: null,
	watched: false
});

const full: RunsView = {
	containers: [
		container({}),
		database,
		container({
			name: 'plimsoll-run.shop.000f0001.worker',
			service_id: of.worker,
			service: 'worker',
			running: false,
			exit_code: 1,
			url: null,
			watched: false
		})
	],
	volumes: ['plimsoll-run.shop.postgres'],
	networks_left: 0,
	failure: null
};
const none: RunsView = { containers: [], volumes: [], networks_left: 0, failure: null };

function told(): RunsView {
	if (asked('runs') === 'left') {
		const containers = full.containers.slice(0, 2);
		return {
			...full,
			containers: containers.map((one) => ({ ...one, hold: 'left_over', watched: false }))
		};
	}
	if (state() === 'error') {
		return {
			...none,
			failure: {
				code: 'docker_missing',
				message: 'There is no Docker engine running on this machine.',
				evidence: ['No such file or directory (os error 2)'],
				next_step:
					'Install Docker (Debian and Ubuntu: `sudo apt install docker.io`) and start it. Everything else works without it, deployments included.',
				retryable: false,
				field: ''
			}
		};
	}
	if (asked('runs') === 'elsewhere') {
		const holder = 'ada@laptop, process 48211';
		const containers = full.containers.slice(0, 2);
		return { ...full, containers: containers.map((one) => ({ ...one, holder, watched: false })) };
	}
	return ['none', 'starting', 'failing'].includes(asked('runs') ?? '') ? none : full;
}

/** The job that starts the web service, under way or failed. */
function starting(failed: boolean): JobView {
	return {
		id: '0193a5c2-0000-7000-8000-00000000a011',
		plan_id: '0193a5c2-0000-7000-8000-00000000b011',
		target: `run:${shop}`,
		title: 'Run shop/web here',
		status: failed ? 'failed' : 'running',
		direction: failed ? 'back' : 'forward',
		on_failure: 'undo',
		cancel_requested: false,
		failure: failed
			? {
					code: 'run_ended',
					message: 'Its container ended with status 1.',
					evidence: [
						'GET / → nobody accepts connections',
						'> shop@1.4.0 start',
						'Error: SMTP_URL is not set',
						'    at config (/app/config.js:12:9)'
					],
					next_step: 'Its last lines show why.',
					retryable: false,
					field: ''
				}
			: null,
		created_at: started,
		started_at: started,
		finished_at: failed ? started : null
	};
}
const wanted = asked('runs');
if (wanted === 'starting' || wanted === 'failing') {
	desk({ jobs: [starting(wanted === 'failing')] });
}

answer('run_watch', (args) => {
	if (state() === 'loading') return never();
	const channel = args['channel'] as Channel<RunsView>;
	setTimeout(() => channel.onmessage(told()), 20);
	return 90;
});
answer('run_follow_log', (args) => {
	const channel = args['channel'] as Channel<LiveLogNews>;
	setTimeout(() => channel.onmessage({ total: 60, ended: false, failure: null }), 30);
	return 91;
});
answer('run_open_terminal', (args) => {
	const bytes = args['bytes'] as Channel<ScreenBytes>;
	const text = new TextEncoder().encode(
		'/app # ls\r\nindex.js  node_modules  package.json\r\n/app # '
	);
	setTimeout(() => bytes.onmessage(text.buffer), 60);
	return 92;
});
answer('run_start', () =>
	fail({
		code: 'stack_unknown',
		message: 'The folder has no Dockerfile and is nothing that we recognise.',
		evidence: [],
		next_step: 'Add a Dockerfile to the source.',
		retryable: false
	})
);
for (const name of ['open', 'stop', 'keep', 'restart_on_changes'])
	answer(`run_${name}`, () => null);
answer('run_list', () => (asked('runs') === 'left' ? told() : none));
answer('run_clean', () => full.containers.slice(0, 2).map(({ name }) => name));
answer('run_delete_data', () => full.volumes);
