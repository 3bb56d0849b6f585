/** Ten thousand deployments of four services, and what is between two of their releases. */
import type {
	ComparisonView,
	DeploymentDetailView,
	DeploymentFilterView,
	DeploymentRowView,
	JobStatusView,
	ReleaseView
} from '$ipc';
import { stated } from './answer';
import { shopProduction, shopWeb } from './domain';
import { jobIds } from './job';
import { serverIds } from './server';

const MANY = 10_000;
const NAMES = ['web', 'api', 'worker', 'admin'];
const FAILURES = [
	'The new container did not become healthy on web-1.',
	'The image could not be built: npm ci ended with 1.'
];
const hex = (n: number, width: number): string => n.toString(16).padStart(width, '0');
const idOf = (n: number, noun: string): string => `0193a5c3-${hex(n, 4)}-7000-8000-00000000${noun}`;
const numberOf = (id: string): number => parseInt(id.slice(9, 13), 16);
const hash = (n: number): string => hex((n * 2_654_435_761) >>> 0, 8).repeat(5);

function statusOf(n: number): JobStatusView {
	if (n === MANY - 1) return 'running';
	if (n % 17 === 3) return 'failed';
	if (n % 41 === 5) return 'cancelled';
	return 'succeeded';
}

function row(n: number): DeploymentRowView {
	const status = statusOf(n);
	const which = n % NAMES.length;
	const at = Date.now() - (MANY - n) * 47 * 60_000;
	const done = status === 'succeeded';
	return {
		deployment: {
			id: idOf(n, 'd001'),
			environment_id: shopProduction,
			service_id: which === 0 ? shopWeb : `service-${which}`,
			release_id: done ? idOf(n, 'd002') : null,
			kind:
				n % 13 === 7
					? 'rollback'
					: n % 11 === 2
						? 'reconfigure'
						: n % 17 === 5
							? 'restart'
							: 'deploy',
			status,
			job_id: done ? jobIds.succeeded : status === 'running' ? jobIds.running : jobIds.failed,
			server_ids: [serverIds.web1, serverIds.web2],
			failure: status === 'failed' ? (FAILURES[n % 2] ?? null) : null,
			created_at: new Date(at).toISOString(),
			finished_at:
				status === 'running' ? null : new Date(at + 20_000 + (n % 60) * 1_000).toISOString()
		},
		project_id: '0193a5c2-0000-7000-8000-0000000f0001',
		project: 'shop',
		environment: 'production',
		service: NAMES[which] ?? '',
		number: done ? Math.floor(n / 4) + 1 : null,
		commit: done && which !== 3 ? hash(n) : null,
		version: done && which === 3 ? 240 - (n % 40) : null,
		serves: n >= MANY - 5 && n < MANY - 1
	};
}

function matches(filter: DeploymentFilterView, n: number): boolean {
	const { deployment, service, number, commit } = row(n);
	const text = filter.text?.toLowerCase() ?? '';
	return (
		(!filter.status || deployment.status === filter.status) &&
		(!filter.kind || deployment.kind === filter.kind) &&
		(!filter.service_id || deployment.service_id === filter.service_id) &&
		(!filter.since || deployment.created_at >= filter.since) &&
		[service, 'shop', 'production', `#${number}`, commit ?? '', deployment.failure ?? ''].some(
			(part) => part.toLowerCase().includes(text)
		)
	);
}

stated(
	'deployment_ids',
	({ filter }) =>
		Array.from({ length: MANY }, (_, place) => MANY - 1 - place)
			.filter((n) => matches(filter as DeploymentFilterView, n))
			.map((n) => idOf(n, 'd001')),
	() => []
);
stated(
	'deployment_rows',
	({ ids }) => (ids as string[]).map((id) => row(numberOf(id))),
	() => []
);

const release = (n: number): ReleaseView => ({
	id: idOf(n, 'd002'),
	environment_id: shopProduction,
	service_id: shopWeb,
	deployment_id: idOf(n, 'd001'),
	number: Math.floor(n / 4) + 1,
	image: `shop-production-web:deploy_${hex(n, 8)}@sha256:${hash(n)}${hash(n + 1).slice(0, 24)}`,
	image_bytes: 48_300_000 + n * 1_000,
	source: 'https://github.com/acme/shop.git (main)',
	commit: hash(n),
	version: {
		id: `0193b7d4-0000-7000-8000-${String(239).padStart(12, '0')}`,
		number: 239,
		root: hash(239)
	},
	content_hash: hash(n + 7),
	image_reference: null,
	generated_for: 'node',
	variables: [
		{ name: 'DATABASE_URL', secret: true },
		{ name: 'NODE_ENV', secret: false }
	],
	created_at: row(n).deployment.created_at
});

const detail = (id: unknown): DeploymentDetailView => {
	const n = Math.min(numberOf(String(id)) || MANY - 13, MANY - 1);
	const shown = row(n);
	const kept = Array.from({ length: 10 }, (_, place) => MANY - 4 - place * 4);
	return {
		row: shown,
		release: shown.deployment.release_id ? release(n) : null,
		kept: kept.map((number, place) => ({ release: release(number), serves: place === 0 }))
	};
};
stated(
	'deployment_get',
	({ deploymentId }) => detail(deploymentId),
	({ deploymentId }) => detail(deploymentId)
);
stated(
	'release_list',
	() => detail('').kept,
	() => []
);

const compared = (before: unknown, after: unknown): ComparisonView => ({
	before: release(numberOf(String(before))),
	after: release(numberOf(String(after))),
	settings: [
		{ subject: 'health.probe.path', before: '"/"', after: '"/healthz"' },
		{ subject: 'limits.memory_bytes', before: null, after: '536870912' }
	],
	variables: [
		{ name: 'API_URL', secret: false, difference: 'same' },
		{ name: 'DATABASE_URL', secret: true, difference: 'sealed' },
		{ name: 'FEATURE_CART', secret: false, difference: 'added' },
		{ name: 'NODE_ENV', secret: false, difference: 'changed' },
		{ name: 'OLD_TOKEN', secret: true, difference: 'removed' }
	],
	files: [
		{ path: 'package.json', difference: 'changed' },
		{ path: 'src/cart.ts', difference: 'added' },
		{ path: 'src/legacy/basket.ts', difference: 'removed' }
	]
});
stated(
	'release_compare',
	({ before, after }) => compared(before, after),
	({ before, after }) => ({ ...compared(before, after), settings: [], variables: [], files: null })
);
