/** A shop with two environments and four services, of which one is unwell; and one that never ran. */
import type {
	Channel,
	ConfigurationView,
	DeploymentView,
	EnvironmentView,
	HealthView,
	ImportedVariableView,
	LiveLogNews,
	LiveLineView,
	OpenFormView,
	ProjectView,
	ReleaseView,
	ServerHealthView,
	ServiceHealthView,
	ServiceView,
	VariableView
} from '$ipc';
import { answer, asked, desk, fail, never, openForm, state } from './answer';
import { shopProduction, shopWeb } from './domain';
import forms from './forms.json';
import { serverIds } from './server';

const id = (tail: string): string => `0193a5c2-0000-7000-8000-0000000${tail}`;
const minutesAgo = (minutes: number): string =>
	new Date(Date.now() - minutes * 60_000).toISOString();

export const shop = id('f0001');
const blog = id('f0002');
const staging = '0193a5c2-0000-7000-8000-00000000e002';
export const of = { api: id('c0002'), worker: id('c0003'), cache: id('c0004'), site: id('c0005') };

const projects: ProjectView[] = [
	{
		id: shop,
		name: 'shop',
		active_version_id: '0193b7d4-0000-7000-8000-000000000240',
		created_at: '2026-09-02T09:00:00.000Z'
	},
	{ id: blog, name: 'blog', active_version_id: null, created_at: '2026-11-18T17:20:00.000Z' }
];

const environments: EnvironmentView[] = [
	{
		id: shopProduction,
		project_id: shop,
		name: 'production',
		server_ids: [serverIds.web1, serverIds.web2]
	},
	{ id: staging, project_id: shop, name: 'staging', server_ids: [serverIds.staging] }
];

const service = (
	id: string,
	name: string,
	source: string,
	source_kind: string,
	port: number | null,
	project_id = shop
): ServiceView => ({ id, project_id, name, source, source_kind, port });

const services: ServiceView[] = [
	service(shopWeb, 'web', '/home/ada/shop', 'folder', 3000),
	service(of.api, 'api', 'https://github.com/acme/shop-api.git (main)', 'git', 8080),
	service(of.worker, 'worker', 'https://github.com/acme/shop-api.git (main)', 'git', null),
	service(of.cache, 'cache', 'redis:8-alpine', 'image', 6379),
	service(of.site, 'site', '/home/ada/blog', 'folder', 8080, blog)
];

const variable = (
	service_id: string,
	name: string,
	value: string | null,
	environment_id = shopProduction
): VariableView => ({
	id: `${environment_id}-${service_id}-${name}`,
	environment_id,
	service_id,
	name,
	value,
	secret: value === null,
	updated_at: '2026-11-19T10:00:00.000Z'
});

const variables: VariableView[] = [
	variable(shopWeb, 'API_URL', 'http://api:8080'),
	variable(shopWeb, 'NODE_ENV', 'production'),
	variable(shopWeb, 'SESSION_SECRET', null),
	variable(shopWeb, 'STRIPE_SECRET_KEY', null),
	variable(of.api, 'CACHE_URL', 'redis://cache:6379/0'),
	variable(of.api, 'DATABASE_URL', null),
	variable(of.worker, 'CACHE_URL', 'redis://cache:6379/0')
];

const configurations: ConfigurationView[] = [
	{
		id: id('ab001'),
		name: 'small-web',
		variables: ['NODE_ENV'],
		created_at: '2026-10-12T10:00:00.000Z'
	}
];

const release = (tail: string, service_id: string, number: number): ReleaseView => ({
	id: id(`9${tail}`),
	environment_id: shopProduction,
	service_id,
	deployment_id: id(`8${tail}`),
	number,
	image: `shop-production:deploy_0193a5c2@sha256:${'4f'.repeat(32)}`,
	image_bytes: 148_300_000,
	source: '/home/ada/shop',
	commit: service_id === shopWeb ? null : '9d1c21950e3b7a6f4c2d8e1b5a7f3c9d0e2b4a68',
	content_hash: null,
	image_reference: null,
	generated_for: 'node',
	version: null,
	variables: [],
	created_at: minutesAgo(120)
});

const deployment = (
	tail: string,
	service_id: string,
	more: Partial<DeploymentView> = {}
): DeploymentView => ({
	id: id(`8${tail}`),
	environment_id: shopProduction,
	service_id,
	release_id: id(`9${tail}`),
	kind: 'deploy',
	status: 'succeeded',
	job_id: id(`7${tail}`),
	server_ids: [serverIds.web1, serverIds.web2],
	failure: null,
	created_at: minutesAgo(46),
	finished_at: minutesAgo(45),
	...more
});

const releases: ReleaseView[] = [
	release('0001', shopWeb, 11),
	release('0002', of.api, 7),
	release('0003', of.worker, 7),
	release('0004', of.cache, 1),
	release('0006', shopWeb, 12)
];

const deployments: DeploymentView[] = [
	deployment('0001', shopWeb, { created_at: minutesAgo(4_000), finished_at: minutesAgo(3_999) }),
	deployment('0002', of.api),
	deployment('0003', of.worker),
	deployment('0004', of.cache, { created_at: minutesAgo(9_000), finished_at: minutesAgo(8_999) }),
	deployment('0005', shopWeb, {
		status: 'failed',
		release_id: null,
		failure: 'The new container did not become well: GET /healthz answered 301.',
		created_at: minutesAgo(31),
		finished_at: minutesAgo(30)
	}),
	deployment('0006', shopWeb, { created_at: minutesAgo(13), finished_at: minutesAgo(12) })
];

desk({
	projects,
	environments,
	services,
	variables,
	configurations,
	deployments,
	releases
});

const well = (
	service_id: string,
	tail: string,
	number: number,
	health: HealthView = 'healthy',
	restarts = 0
): ServiceHealthView => ({
	environment_id: shopProduction,
	service_id,
	health,
	deployment_id: id(`8${tail}`),
	release: number,
	restarts,
	hosts: service_id === shopWeb ? ['shop.example.com', 'www.example.com'] : [],
	address: '198.18.0.2:80',
	memory_bytes: 184_000_000
});

const news: Record<string, ServerHealthView['services']> = {
	[serverIds.web1]: [
		well(shopWeb, '0006', 12),
		well(of.api, '0002', 7),
		well(of.worker, '0003', 7, 'unhealthy', 4),
		well(of.cache, '0004', 1)
	],
	[serverIds.web2]: [well(shopWeb, '0006', 12), well(of.api, '0002', 7), well(of.worker, '0003', 7)]
};

answer('health_watch', (args) => {
	const channel = args['channel'] as Channel<ServerHealthView>;
	if (state() === 'loading') return 1;
	const ids = args['serverIds'] as string[];
	setTimeout(() => {
		for (const server_id of ids) {
			const away = state() === 'error' || server_id === serverIds.staging;
			channel.onmessage({
				server_id,
				failure: away
					? {
							code: 'ssh_tcp',
							message: 'The server did not answer on port 22.',
							evidence: ['connection timed out after 10 s'],
							next_step: 'See at the provider whether the server is on.',
							retryable: true,
							field: ''
						}
					: null,
				services: away ? [] : (news[server_id] ?? [])
			});
		}
	}, 60);
	return 1;
});

const lines = Array.from({ length: 4_000 }, (_, at): LiveLineView => {
	const error = at % 97 === 13;
	return {
		text: error
			? `\u001b[31merror\u001b[0m GET /api/cart 502 upstream closed the connection`
			: `\u001b[36minfo\u001b[0m GET /products/${(at * 37) % 900} 200 in ${(at * 13) % 80} ms`,
		is_error: error,
		kept: true
	};
});
answer('service_follow_log', (args) => {
	const channel = args['channel'] as Channel<LiveLogNews>;
	if (state() === 'error') return fail();
	if (state() === 'loading') return never();
	setTimeout(() => channel.onmessage({ total: lines.length, ended: false, failure: null }), 30);
	return 2;
});
answer('live_lines', ({ from, count }) => lines.slice(Number(from), Number(from) + Number(count)));
answer('live_search', ({ text, from, forward }) => {
	const wanted = String(text).toLowerCase();
	const step = forward ? 1 : -1;
	for (let at = Number(from); at >= 0 && at < lines.length; at += step) {
		if (lines[at]?.text.toLowerCase().includes(wanted)) return at;
	}
	return null;
});
answer('stream_stop', () => null);

const opened = forms as unknown as Record<
	'project' | 'service' | 'service_settings' | 'variable',
	OpenFormView
>;
for (const kind of ['project', 'service', 'variable'] as const) openForm(kind, opened[kind]);
openForm('service_settings', {
	...opened.service_settings,
	values: { ...opened.service_settings.values, port: '3000', 'health.path': '/healthz' },
	draft: asked('draft') ? { port: '3001' } : null
});

const several: OpenFormView['form']['fields'][number] = {
	name: 'servers',
	label: 'Servers',
	help: 'Its services run on each of them, from their next deployment on. The first builds.',
	placeholder: '',
	unit: '',
	group: '',
	required: false,
	kind: {
		kind: 'several',
		options: [
			{ value: serverIds.web1, label: 'web-1', help: '203.0.113.10' },
			{ value: serverIds.web2, label: 'web-2', help: '203.0.113.11' },
			{ value: serverIds.staging, label: 'staging', help: '203.0.113.24, is switched off' }
		]
	},
	shown_when: null
};
openForm('environment', {
	form: {
		id: 'environment',
		fields: [
			{
				...opened.project.form.fields[0],
				help: 'Such as production or staging.'
			} as typeof several,
			several
		]
	},
	values: {},
	draft: null
});
openForm('environment_servers', {
	form: { id: 'environment_servers', fields: [several] },
	values: { servers: `${serverIds.web1}\n${serverIds.web2}` },
	draft: null
});

answer('draft_keep', () => null);
answer('draft_forget', () => null);
answer('folder_pick', () => '/home/ada/shop');
const written = (): unknown => ({ id: shop, seq: 1 });
for (const command of [
	'project_create',
	'environment_create',
	'environment_set_servers',
	'service_create',
	'service_update',
	'service_delete',
	'variable_set',
	'variable_unset',
	'configuration_save',
	'configuration_delete'
]) {
	answer(command, written);
}
answer('service_set_source_token', () => null);
answer('project_delete', () =>
	fail({
		code: 'project_in_use',
		message: 'The project “shop” still has environments.',
		evidence: ['production', 'staging'],
		next_step: 'Remove its environments first.',
		retryable: false
	})
);
answer('variable_reveal', () => 'sk_live_51Hc7example');

const preview: ImportedVariableView[] = [
	{ name: 'NODE_ENV', secret: false, sealed_already: false, change: 'same' },
	{ name: 'API_URL', secret: false, sealed_already: false, change: 'replaced' },
	{ name: 'STRIPE_SECRET_KEY', secret: true, sealed_already: true, change: 'replaced' },
	{ name: 'MAIL_TOKEN', secret: true, sealed_already: false, change: 'new' }
];
answer('variable_preview_import', ({ text }) =>
	String(text).includes('=')
		? preview
		: fail({
				code: 'invalid_env_file',
				message: 'The text cannot be read: line 1: expected NAME=value.',
				evidence: [],
				next_step: 'Correct the line; nothing was changed.',
				retryable: false
			})
);
answer('variable_import', () => ({ receipt: { id: shopWeb, seq: 1 }, plain: 2, sealed: 2 }));

const nothing = (): never =>
	fail({
		code: 'stack_unknown',
		message:
			'The folder has no Dockerfile and is no Node, Python or static site that we recognise: none of package.json, requirements.txt, pyproject.toml, Pipfile, setup.py, main.py, app.py, manage.py and index.html is there.',
		evidence: [],
		next_step: 'Add a Dockerfile to the source, or choose the folder that holds the application.',
		retryable: false
	});
for (const command of [
	'service_plan_deploy',
	'service_plan_reconfigure',
	'service_plan_restart',
	'service_plan_rollback',
	'service_plan_remove',
	'environment_plan_remove'
]) {
	answer(command, () => (asked('plan') === 'nothing' ? nothing() : { id: id('1d001') }));
}
