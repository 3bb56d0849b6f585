/** Servers: two that serve, one that shuts us out, one in the making, one added; a screen that answers. */
import type {
	BaseSnapshotView,
	Channel,
	ContainerView,
	FiguresView,
	HostKeyView,
	LiveLogNews,
	LossesView,
	MachineView,
	OpenFormView,
	PlanView,
	RunningView,
	ServerView,
	SnapshotView
} from '$ipc';
import { accounts } from './account';
import { answer, asked, desk, fail, never, openForm, state, stated } from './answer';

const account = accounts[0]?.id ?? '';
const TODAY = 'a94f8c12d07b';

export const serverIds = {
	web1: '0193a5c2-0000-7000-8000-00000000c001',
	web2: '0193a5c2-0000-7000-8000-00000000c002',
	staging: '0193a5c2-0000-7000-8000-00000000c003',
	fresh: '0193a5c2-0000-7000-8000-00000000c004',
	office: '0193a5c2-0000-7000-8000-00000000c005'
};

const rented = (server: Partial<ServerView> & { id: string; name: string }): ServerView => ({
	account_id: account,
	provider_ref: '412087733',
	region: 'fra1',
	size: 's-2vcpu-4gb',
	price_cents_month: 2_400,
	ssh: {
		host: '203.0.113.10',
		port: 22,
		user: 'root',
		fingerprint: 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
		proxy: null
	},
	reserved_ip: null,
	state: 'ready',
	recipe_hash: TODAY,
	created_at: '2026-10-02T09:30:00.000Z',
	...server
});
const at = (host: string): ServerView['ssh'] => ({
	host,
	port: 22,
	user: 'root',
	fingerprint: 'SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8',
	proxy: null
});

export const servers: ServerView[] = [
	rented({ id: serverIds.web1, name: 'web-1', reserved_ip: '198.51.100.4' }),
	rented({ id: serverIds.web2, name: 'web-2', ssh: at('203.0.113.11'), recipe_hash: 'older' }),
	rented({
		id: serverIds.staging,
		name: 'staging',
		size: 's-1vcpu-1gb',
		price_cents_month: 600,
		ssh: at('203.0.113.24')
	}),
	rented({
		id: serverIds.fresh,
		name: 'worker-1',
		size: 's-1vcpu-2gb',
		price_cents_month: 1_200,
		ssh: null,
		state: 'provisioning',
		recipe_hash: null
	}),
	rented({
		id: serverIds.office,
		name: 'office',
		account_id: null,
		provider_ref: null,
		region: null,
		size: null,
		price_cents_month: null,
		ssh: at('192.0.2.40')
	})
];

const bases: BaseSnapshotView[] = [
	{
		id: '0193a5c2-0000-7000-8000-00000000d001',
		account_id: account,
		provider_ref: '178231',
		recipe_hash: 'older',
		created_at: '2026-10-11T07:00:00.000Z'
	}
];

desk({ servers, base_snapshots: bases, recipe_hash: TODAY });

const machines: MachineView[] = [
	{
		name: 'blog-2019',
		provider_ref: '98211',
		address: '203.0.113.77',
		status: 'active',
		region: 'ams3',
		size: 's-1vcpu-1gb',
		price_cents_month: 600,
		server_id: null,
		deployable: false
	},
	{
		name: 'minecraft',
		provider_ref: '98212',
		address: '203.0.113.78',
		status: 'active',
		region: 'fra1',
		size: 's-4vcpu-8gb',
		price_cents_month: 4_800,
		server_id: null,
		deployable: false
	}
];
answer('server_listing', ({ accountId }) => {
	if (accountId !== account) return [];
	if (state() === 'error') {
		return fail({
			code: 'unauthorized',
			message: 'DigitalOcean does not accept the token of “digitalocean”.',
			evidence: ['GET /v2/droplets: 401 Unable to authenticate you'],
			next_step: 'Replace the token in the settings.'
		});
	}
	return state() === 'empty' ? [] : machines;
});

const GIB = 1024 ** 3;
/** A wave that looks like a machine at work, the same at every look. */
const wave = (n: number, height: number, seed: number): number =>
	Math.max(
		0.02,
		height * (0.6 + 0.25 * Math.sin(n / 9 + seed) + 0.15 * Math.sin(n / 2.3 + seed * 3))
	);

function figures(id: string, n: number): FiguresView {
	const at = new Date(Date.now() - (150 - n) * 2_000).toISOString();
	const shutOut = id === serverIds.staging || state() === 'error';
	if (shutOut && n > 110) {
		const failure = {
			code: 'ssh_authentication',
			message: '203.0.113.24:22 refused the login as “root”',
			evidence: ['Username/PublicKey combination invalid'],
			next_step:
				'Check that the server’s authorized_keys holds the public key that Plimsoll shows for it, and that the login exists.',
			retryable: false,
			field: ''
		};
		return { server_id: id, at, machine: null, failure };
	}
	const seed = id.charCodeAt(id.length - 1);
	const full = id === serverIds.office ? 0.94 : 0.34 + (seed % 3) * 0.08;
	return {
		server_id: id,
		at,
		failure: null,
		machine: {
			cpus: 2,
			processor_bp: Math.round(wave(n, id === serverIds.web2 ? 0.92 : 0.3, seed) * 10_000),
			load_centi: 42,
			memory_bytes: 4 * GIB,
			memory_available_bytes: Math.round(4 * GIB * (1 - wave(n / 8, 0.6, seed))),
			disk_bytes: 80 * GIB,
			disk_free_bytes: Math.round(80 * GIB * (1 - full)),
			uptime_ms: 19 * 86_400_000 + 4 * 3_600_000,
			architecture: 'amd64',
			docker_version: '28.5.1',
			agent_version: '0.1.0',
			agent_memory_bytes: 9_300_000,
			agent_current: id !== serverIds.web2
		}
	};
}

let streams = 0;
answer('server_watch', (args) => {
	const channel = args['channel'] as Channel<FiguresView>;
	if (state() === 'loading') return never();
	for (let n = 0; n < 150; n += 1) {
		for (const id of args['serverIds'] as string[]) channel.onmessage(figures(id, n));
	}
	return ++streams;
});
answer('stream_stop', () => null);

const containers: ContainerView[] = [
	{
		name: 'shop-production-web-d1f0a2b3',
		project: 'shop',
		environment: 'production',
		service: 'web',
		health: 'healthy',
		image: 'shop-production-web:deploy_0193a5c2',
		restarts: 0,
		hosts: ['shop.example.com'],
		memory_bytes: 183_500_000,
		processor_bp: 640,
		kept: 4
	},
	{
		name: 'shop-production-worker-9c8e7d66',
		project: 'shop',
		environment: 'production',
		service: 'worker',
		health: 'unhealthy',
		image: 'shop-production-worker:deploy_0193a4b1',
		restarts: 7,
		hosts: [],
		memory_bytes: 92_100_000,
		processor_bp: 9_870,
		kept: 2
	},
	{
		name: null,
		project: 'shop',
		environment: 'production',
		service: 'reports',
		health: 'stopped',
		image: null,
		restarts: 0,
		hosts: [],
		memory_bytes: null,
		processor_bp: null,
		kept: 0
	}
];
answer('server_watch_running', (args) => {
	const channel = args['channel'] as Channel<RunningView>;
	if (state() === 'loading') return never();
	if (state() === 'error') return fail();
	channel.onmessage({ containers: state() === 'empty' ? [] : containers, failure: null });
	return ++streams;
});

stated(
	'server_prune',
	() => ({
		tags: [
			'shop-production-web:deploy_0193a1aa',
			'shop-production-web:deploy_01939f02',
			'shop-production-worker:deploy_01939e77',
			'shop-staging-web:deploy_01939c51'
		],
		freed_bytes: 1_842_000_000
	}),
	() => ({ tags: [], freed_bytes: 0 })
);
stated(
	'server_firewall',
	() => ({ name: 'plimsoll-web-1-0193a5c2', open_tcp_ports: [22, 80, 443] }),
	() => null
);

const snapshots: SnapshotView[] = [
	{
		id: '181002',
		name: 'web-1-before-upgrade-20261118-0912',
		regions: ['fra1'],
		min_disk_gib: 80,
		size_bytes: 6_930_000_000,
		created_at: '2026-11-18T09:12:00.000Z',
		base_id: null,
		outdated: false
	},
	{
		id: '178231',
		name: 'plimsoll-base-7c11d0b2',
		regions: ['fra1', 'ams3'],
		min_disk_gib: 25,
		size_bytes: 2_140_000_000,
		created_at: '2026-10-11T07:00:00.000Z',
		base_id: bases[0]?.id ?? null,
		outdated: true
	}
];
stated(
	'snapshot_list',
	() => snapshots,
	() => []
);

const losses: LossesView = {
	name: 'web-1',
	is_machine: true,
	can_snapshot: true,
	takes_force: true,
	price_cents_month: 2_400,
	services: ['shop/production/web', 'shop/production/worker'],
	services_elsewhere: ['docs/production/site'],
	volumes: ['shop/production/worker: /var/lib/queue'],
	domains: ['shop.example.com', 'www.shop.example.com'],
	reserved_ip: '198.51.100.4'
};
stated(
	'server_losses',
	() => losses,
	() => losses
);

const seen: HostKeyView = {
	key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl',
	fingerprint: 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
	login_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKqqLsabgH5C9okWi0dh2l9GKJl7TuJJhbpZisFzLDA0z'
};
answer('server_host_key', () =>
	asked('ssh') === 'silent'
		? fail({
				code: 'ssh_tcp',
				message: 'no connection to 203.0.113.7:22: timed out',
				evidence: ['connection timed out after 10 s'],
				field: 'host'
			})
		: seen
);

const plan: PlanView = {
	id: '0193a5c2-0000-7000-8000-00000000e001',
	title: 'Plan',
	steps: [],
	notices: [],
	price_cents_month: 0,
	transfer_bytes: 0,
	downtime_ms: 0,
	created_at: '2026-11-21T09:00:00.000Z'
};
for (const name of ['adopt', 'prepare', 'reboot', 'power', 'snapshot', 'destroy']) {
	answer(`server_plan_${name}`, () => plan);
}
answer('server_plan_reserve_ip', () => plan);
answer('server_plan_release_ip', () => plan);
answer('server_plan_provision', () =>
	fail({
		code: 'name_taken',
		message: 'There is a server “web-1” already.',
		evidence: [],
		next_step: 'Choose another name.',
		field: 'name'
	})
);
answer('snapshot_plan_base', () => plan);
answer('snapshot_plan_delete_base', () => plan);
answer('snapshot_plan_delete', () => plan);

type Field = OpenFormView['form']['fields'][number];
const field = (one: Partial<Field> & { name: string; label: string }): Field => ({
	help: '',
	placeholder: '',
	unit: '',
	group: '',
	required: true,
	kind: { kind: 'text' },
	shown_when: null,
	...one
});
const choice = (value: string, label: string, help = '') => ({ value, label, help });
const place: Field[] = [
	field({
		name: 'region',
		label: 'Region',
		help: 'Near those who will use what runs on it.',
		kind: {
			kind: 'choice',
			options: [choice('fra1', 'Frankfurt 1 (fra1)'), choice('nyc3', 'New York 3 (nyc3)')]
		}
	}),
	...['fra1', 'nyc3'].map((region) =>
		field({
			name: `size_${region}`,
			label: 'Size',
			shown_when: { field: 'region', values: [region] },
			kind: {
				kind: 'choice',
				options: [
					choice('s-1vcpu-1gb', '1 vCPU, 1 GiB, 25 GiB disk: $6.00 a month', 's-1vcpu-1gb'),
					choice('s-2vcpu-4gb', '2 vCPU, 4 GiB, 80 GiB disk: $24.00 a month', 's-2vcpu-4gb')
				]
			}
		})
	)
];
const begin = { region: 'fra1', size_fra1: 's-1vcpu-1gb', size_nyc3: 's-1vcpu-1gb' };
openForm('server', {
	form: {
		id: 'server',
		fields: [
			field({
				name: 'name',
				label: 'Name',
				help: 'Lower-case letters, digits and dashes. The machine is called so at its provider.',
				placeholder: 'web-1'
			}),
			...place,
			field({
				name: 'image',
				label: 'Boots from',
				kind: {
					kind: 'choice',
					options: [
						choice(
							'base',
							'Base snapshot, where there is a current one',
							'The base snapshot is outdated, so Debian 12 is used and prepared.'
						),
						choice('stock:debian-12-x64', 'Debian 12'),
						choice('snapshot:181002', 'web-1-before-upgrade-20261118-0912')
					]
				}
			}),
			field({
				name: 'open_ports',
				label: 'Further open ports',
				help: 'TCP ports, one a line. 22, 80 and 443 are open; everything else is dropped.',
				placeholder: '25565',
				group: 'Firewall and tags',
				required: false,
				kind: { kind: 'list' }
			}),
			field({
				name: 'tags',
				label: 'Tags',
				help: 'One a line, for your own order at the provider.',
				placeholder: 'team:shop',
				group: 'Firewall and tags',
				required: false,
				kind: { kind: 'list' }
			})
		]
	},
	values: { ...begin, image: 'base' },
	draft: null
});
openForm('base_snapshot', {
	form: { id: 'base_snapshot', fields: place },
	values: begin,
	draft: null
});
openForm('add_server', {
	form: {
		id: 'add_server',
		fields: [
			field({ name: 'name', label: 'Name', help: 'What you call it here.', placeholder: 'office' }),
			field({
				name: 'host',
				label: 'Address',
				help: 'IP address or DNS name.',
				placeholder: '203.0.113.7'
			}),
			field({
				name: 'user',
				label: 'Login',
				help: 'root, or a login that may become root by sudo without a password.'
			}),
			field({
				name: 'port',
				label: 'SSH port',
				kind: { kind: 'number', min: 1, max: 65_535, decimals: 0 }
			}),
			field({
				name: 'proxy',
				label: 'Proxy',
				help: 'Only where the server cannot be reached from here directly.',
				group: 'Way there',
				required: false
			})
		]
	},
	values: { user: 'root', port: '22' },
	draft: null
});

const LOG = Array.from(
	{ length: 4_000 },
	(_, n) =>
		`2026-11-21T09:${String(Math.floor(n / 60) % 60).padStart(2, '0')}:${String(n % 60).padStart(2, '0')}+0000 web-1 plimsoll-agent[812]: health of shop-production-web: good (${3 + (n % 7)} ms)`
);
answer('server_follow_log', (args) => {
	const channel = args['channel'] as Channel<LiveLogNews>;
	if (state() === 'error') return fail();
	const total = state() === 'full' ? LOG.length : 0;
	channel.onmessage({ total, ended: false, failure: null });
	return ++streams;
});

const GREETING = [
	'Linux web-1 6.1.0-40-amd64 #1 SMP Debian 6.1.153-1 (2025-09-20) x86_64\r\n\r\n',
	'Last login: Sat Nov 21 08:51:03 2026 from 198.51.100.20\r\n',
	'\x1b[1;32mroot@web-1\x1b[0m:\x1b[1;34m~\x1b[0m# docker ps --format "{{.Names}}"\r\n',
	'shop-production-web-d1f0a2b3\r\nshop-production-worker-9c8e7d66\r\n',
	'\x1b[1;32mroot@web-1\x1b[0m:\x1b[1;34m~\x1b[0m# '
].join('');
let screen: Channel<unknown> | undefined;
const say = (text: string): void => screen?.onmessage(new TextEncoder().encode(text).buffer);
answer('terminal_open', (args) => {
	if (state() === 'error') return fail();
	if (state() === 'loading') return never();
	screen = args['bytes'] as Channel<unknown>;
	say(GREETING);
	return 1;
});
answer('terminal_write', ({ text }) => say(String(text).replaceAll('\r', '\r\n')));
for (const name of ['resize', 'ack', 'close']) answer(`terminal_${name}`, () => null);
