/** The canvas as data: what stands on it, and what leads where. */
import { graphlib, layout } from '@dagrejs/dagre';
import type { DomainView, EnvironmentView, ServiceView, VariableView } from '$ipc';

export type Kind = 'domain' | 'service' | 'server';

/** Something on the canvas. */
export interface Thing {
	/** Unique on the canvas: its kind and its row's id. */
	id: string;
	kind: Kind;
	/** The row's id. */
	rowId: string;
	name: string;
}

/** What leads from one to another. */
export interface Link {
	id: string;
	from: string;
	to: string;
	/** `routes`: a name to its service; `runs`: a service on its server; `refers`: by a variable. */
	why: 'routes' | 'runs' | 'refers';
	/** The variables that refer. */
	label: string;
}

export interface Graph {
	things: Thing[];
	links: Link[];
}

/** What the canvas is made of. */
export interface Ground {
	environment: EnvironmentView;
	services: ServiceView[];
	domains: DomainView[];
	servers: { id: string; name: string }[];
	variables: VariableView[];
	/** Servers on which a service runs now; where nothing is known, on all of the environment's. */
	runsOn: (serviceId: string) => string[];
}

const idOf = (kind: Kind, rowId: string): string => `${kind}:${rowId}`;

/** What stands on an environment's canvas. */
export function graphOf(ground: Ground): Graph {
	const { environment, services, servers } = ground;
	const domains = ground.domains.filter((domain) => domain.environment_id === environment.id);
	const hosts = environment.server_ids
		.map((id) => servers.find((server) => server.id === id))
		.filter((server) => server !== undefined);
	const thing = (kind: Kind, row: { id: string }, name: string): Thing => ({
		id: idOf(kind, row.id),
		kind,
		rowId: row.id,
		name
	});
	const things = [
		...domains.map((domain) => thing('domain', domain, domain.host)),
		...services.map((service) => thing('service', service, service.name)),
		...hosts.map((server) => thing('server', server, server.name))
	];
	const there = new Set(things.map(({ id }) => id));
	const link = (why: Link['why'], from: string, to: string, label = ''): Link => ({
		id: `${why}:${from}>${to}`,
		from,
		to,
		why,
		label
	});
	const links = [
		...domains.map((domain) =>
			link('routes', idOf('domain', domain.id), idOf('service', domain.service_id))
		),
		...services.flatMap((service) =>
			ground
				.runsOn(service.id)
				.map((server) => link('runs', idOf('service', service.id), idOf('server', server)))
		),
		...references(environment, services, ground.variables).map(({ from, to, names }) =>
			link('refers', idOf('service', from), idOf('service', to), names.join(', '))
		)
	];
	return { things, links: links.filter(({ from, to }) => there.has(from) && there.has(to)) };
}

/** Which services speak of which others in their plain variables. Sealed values are not looked at. */
export function references(
	environment: EnvironmentView,
	services: ServiceView[],
	variables: VariableView[]
): { from: string; to: string; names: string[] }[] {
	const found = new Map<string, { from: string; to: string; names: string[] }>();
	for (const variable of variables) {
		if (variable.environment_id !== environment.id || !variable.value) continue;
		const words = hostWords(variable.value);
		for (const service of services) {
			if (service.id === variable.service_id || !words.has(service.name)) continue;
			const key = `${variable.service_id}>${service.id}`;
			const known = found.get(key);
			if (known) known.names.push(variable.name);
			else found.set(key, { from: variable.service_id, to: service.id, names: [variable.name] });
		}
	}
	return [...found.values()];
}

/**
 * The names in a value that can be those of services: the host of an address (`redis://cache:6379`,
 * `cache:6379`, `cache`) and the first label of a longer host (`cache.internal`). A word in a
 * sentence or a path is no reference.
 */
export function hostWords(value: string): Set<string> {
	const words = new Set<string>();
	for (const part of value.split(/[\s,;]+/)) {
		const host =
			/^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^@/]*@)?([a-z][a-z0-9.-]*)(?::\d+)?(?:[/?#].*)?$/i.exec(
				part
			)?.[1];
		// A bare word counts only when it is the whole value: `mode=web server` names no service.
		const whole = part === value.trim() || part.includes('://') || /:\d+/.test(part);
		if (!host || !whole) continue;
		words.add(host.toLowerCase());
		const label = host.split('.')[0];
		if (label) words.add(label.toLowerCase());
	}
	return words;
}

export interface Point {
	x: number;
	y: number;
}

/** Size of a thing on the canvas, px; all are alike, so that the layout is calm. */
export const SIZE = { width: 200, height: 80 };

/** A place for everything, names to the left and servers to the right. */
export function placesOf(graph: Graph): Record<string, Point> {
	const drawn = new graphlib.Graph();
	drawn.setGraph({ rankdir: 'LR', ranksep: 72, nodesep: 24, marginx: 16, marginy: 16 });
	drawn.setDefaultEdgeLabel(() => ({}));
	for (const { id } of graph.things) drawn.setNode(id, { ...SIZE });
	for (const { from, to } of graph.links) drawn.setEdge(from, to);
	layout(drawn);
	return Object.fromEntries(
		graph.things.map(({ id }) => {
			const { x, y } = drawn.node(id) as Point;
			return [id, { x: x - SIZE.width / 2, y: y - SIZE.height / 2 }];
		})
	);
}

/** Which way an arrow key points. */
const WAYS: Record<string, Point> = {
	ArrowLeft: { x: -1, y: 0 },
	ArrowRight: { x: 1, y: 0 },
	ArrowUp: { x: 0, y: -1 },
	ArrowDown: { x: 0, y: 1 }
};

/** The nearest thing that way; null where there is none. What lies straight ahead comes first. */
export function neighbour(from: string, key: string, places: Record<string, Point>): string | null {
	const way = WAYS[key];
	const here = places[from];
	if (!way || !here) return null;
	let nearest: string | null = null;
	let least = Infinity;
	for (const [id, there] of Object.entries(places)) {
		const ahead = (there.x - here.x) * way.x + (there.y - here.y) * way.y;
		if (id === from || ahead <= 0) continue;
		const aside = Math.abs((there.x - here.x) * way.y) + Math.abs((there.y - here.y) * way.x);
		// What lies more aside than ahead is taken only where nothing else is.
		const far = ahead + 2 * aside + (aside > ahead ? 100_000 : 0);
		if (far < least) [nearest, least] = [id, far];
	}
	return nearest;
}
