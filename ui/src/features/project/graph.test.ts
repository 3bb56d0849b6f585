import { describe, expect, it } from 'vitest';
import { graphOf, hostWords, neighbour, placesOf, references, type Ground } from './graph';
import type { EnvironmentView, ServiceView, VariableView } from '$ipc';

const environment: EnvironmentView = {
	id: 'e1',
	project_id: 'p1',
	name: 'production',
	server_ids: ['s2', 's1']
};
const service = (id: string, name: string): ServiceView => ({
	id,
	project_id: 'p1',
	name,
	source: '',
	source_kind: 'folder',
	port: 8080
});
const variable = (
	service_id: string,
	name: string,
	value: string | null,
	environment_id = 'e1'
): VariableView => ({
	id: `${service_id}-${name}`,
	environment_id,
	service_id,
	name,
	value,
	secret: value === null,
	updated_at: ''
});
const web = service('web', 'web');
const cache = service('cache', 'cache');

describe('references', () => {
	const from = (value: string | null, env = 'e1'): number =>
		references(environment, [web, cache], [variable('web', 'X', value, env)]).length;

	it.each([
		'redis://cache:6379/0',
		'cache:6379',
		'cache',
		'http://user@cache/path',
		'cache.internal'
	])('%s refers to the service cache', (value) => expect(from(value)).toBe(1));

	it.each(['the cache is warm', '/var/cache', 'mycache', 'https://cdn.test/cache', ''])(
		'%s refers to nothing',
		(value) => expect(from(value)).toBe(0)
	);

	it('leaves sealed values, other environments and a service itself out', () => {
		expect(from(null)).toBe(0);
		expect(from('cache', 'e2')).toBe(0);
		expect(references(environment, [web], [variable('web', 'HOST', 'web')])).toEqual([]);
	});

	it('is one edge for several variables', () => {
		const found = references(
			environment,
			[web, cache],
			[variable('web', 'A', 'cache'), variable('web', 'B', 'cache:1')]
		);
		expect(found).toEqual([{ from: 'web', to: 'cache', names: ['A', 'B'] }]);
	});
});

describe('the canvas', () => {
	const ground: Ground = {
		environment,
		services: [web, cache],
		domains: [
			{
				id: 'd1',
				environment_id: 'e1',
				service_id: 'web',
				host: 'shop.test'
			} as Ground['domains'][number],
			{
				id: 'd2',
				environment_id: 'other',
				service_id: 'web',
				host: 'staging.shop.test'
			} as Ground['domains'][number]
		],
		servers: [
			{ id: 's1', name: 'one' },
			{ id: 's2', name: 'two' },
			{ id: 's3', name: 'elsewhere' }
		],
		variables: [variable('web', 'CACHE', 'cache')],
		runsOn: (id) => (id === 'web' ? ['s1', 's2'] : ['s1', 'gone'])
	};

	it('shows names, services and servers of the environment and nothing else', () => {
		expect(graphOf(ground).things.map(({ id }) => id)).toEqual([
			'domain:d1',
			'service:web',
			'service:cache',
			'server:s2',
			'server:s1'
		]);
	});

	it('draws no line to what is not there', () => {
		expect(graphOf(ground).links.map(({ why, from, to }) => [why, from, to])).toEqual([
			['routes', 'domain:d1', 'service:web'],
			['runs', 'service:web', 'server:s1'],
			['runs', 'service:web', 'server:s2'],
			['runs', 'service:cache', 'server:s1'],
			['refers', 'service:web', 'service:cache']
		]);
	});

	it('has names to the left of services and services to the left of servers', () => {
		const places = placesOf(graphOf(ground));
		const x = (id: string): number => places[id]?.x ?? NaN;
		expect(x('domain:d1')).toBeLessThan(x('service:web'));
		expect(x('service:cache')).toBeLessThan(x('server:s1'));
	});

	it('can be walked with the arrow keys', () => {
		const places = { a: { x: 0, y: 0 }, b: { x: 100, y: 10 }, c: { x: 90, y: 300 } };
		expect(neighbour('a', 'ArrowRight', places)).toBe('b');
		expect(neighbour('a', 'ArrowDown', places)).toBe('c');
		expect(neighbour('a', 'ArrowLeft', places)).toBeNull();
		expect(neighbour('a', 'Enter', places)).toBeNull();
	});
});

describe('hostWords', () => {
	it('knows several addresses in one value', () => {
		expect([...hostWords('kafka-1:9092,kafka-2:9092')]).toEqual(['kafka-1', 'kafka-2']);
	});
});
