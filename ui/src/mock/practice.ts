/** The tour, at the step that the address asks for: `?tour=visit`; nothing of it is there at first. */
import type { PracticeView, TourStepIdView, TourView } from '$ipc';
import { answer, asked, fail, state, stated } from './answer';

const order: TourStepIdView[] = [
	'practice',
	'accounts',
	'server',
	'project',
	'deploy',
	'domain',
	'visit',
	'break',
	'refused',
	'mistake',
	'live',
	'roll_back'
];
const wanted = asked('tour');
const at =
	wanted === 'finished'
		? order.length
		: Math.max(
				0,
				order.findIndex((id) => id === wanted)
			);
const job = '0193a5c2-0000-7000-8000-00000000f001';
const worked: TourStepIdView[] = ['server', 'deploy', 'domain', 'refused', 'live', 'roll_back'];

const tour: TourView = {
	steps: order.map((id, index) => ({
		id,
		state: index < at ? 'done' : index === at ? 'now' : 'later',
		job_id: index < at && worked.includes(id) ? job : null
	})),
	hidden: wanted === '',
	folder: '/home/ada/Documents/Plimsoll/hello',
	sample: 'good',
	compute_id: null,
	zones_id: null,
	server_id: null,
	project_id: null,
	environment_id: null,
	service_id: null,
	domain_id: '0193a5c2-0000-7000-8000-00000000d001',
	host: at > 5 ? 'hello.plimsoll.test' : null
};

const running: PracticeView['running'] = {
	url: 'https://127.0.0.1:7443',
	engine: 'unix:///var/run/docker.sock',
	edge: '10.213.0.1',
	authority: '/home/ada/.local/state/plimsoll/practice/ca/ca.pem',
	folder: '/home/ada/.local/state/plimsoll/practice'
};

answer('practice_status', () => ({
	running: at > 0 && state() === 'full' ? running : null,
	starting: false,
	said: []
}));
stated(
	'tour_load',
	() => tour,
	() => tour
);
answer('practice_start', () =>
	fail({
		code: 'practice_no_engine',
		message: 'No Docker engine answers (unix:///var/run/docker.sock: not there).',
		evidence: [],
		next_step:
			'Install Docker and start it, then try again. On Debian and Ubuntu it also works as root with the packages docker.io, iptables and iproute2.',
		retryable: false
	})
);
answer('sample_write', () => [
	{ before: 'VERSION = "1"', after: 'VERSION = "2"' },
	{
		before: 'self.answer(200, "text/plain", "ok\\n")',
		after: 'self.answer(500, "text/plain", "the database is missing\\n")'
	}
]);
answer('sample_reveal', () => null);
answer('practice_day', () => null);
answer('practice_stop', () => null);
answer('practice_wipe', () => null);
answer('tour_hide', () => null);
answer('tour_visit', () => ({
	http: { seen: null, failure: null },
	https: {
		seen: {
			status: 200,
			version: 'HTTP/2.0',
			location: null,
			addresses: ['10.213.0.1'],
			body: '<title>Hello from Plimsoll</title><h1>Loaded safely</h1><p>This is version 1.</p>'
		},
		failure: null
	}
}));
