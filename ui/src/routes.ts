import type { Component } from 'svelte';

/** A page: what its path says comes to it as properties. */
type Page = { default: Component<Record<string, string>> };

/** Loaded when they are first shown, so that the window is there at once. */
const pages = import.meta.glob<Page>('./pages/*.svelte');

export interface Route {
	page: string;
	title: string;
	params: Record<string, string>;
}

const table: { pattern: string; page: string; title: string }[] = [
	{ pattern: '/welcome', page: 'Welcome', title: 'Welcome' },
	{ pattern: '/projects', page: 'Projects', title: 'Projects' },
	{ pattern: '/projects/:id', page: 'Services', title: 'Project' },
	{ pattern: '/projects/:id/files', page: 'Files', title: 'Files' },
	{ pattern: '/projects/:id/versions', page: 'Versions', title: 'Versions' },
	{ pattern: '/projects/:id/canvas', page: 'Canvas', title: 'Canvas' },
	{ pattern: '/projects/:id/run', page: 'Run', title: 'Run here' },
	{ pattern: '/plans/:id', page: 'Plan', title: 'Plan' },
	{ pattern: '/jobs/:id', page: 'Job', title: 'Deployment' },
	{ pattern: '/deployments', page: 'Deployments', title: 'Deployments' },
	{ pattern: '/deployments/:id', page: 'Deployment', title: 'Deployment' },
	{ pattern: '/servers', page: 'Servers', title: 'Servers' },
	{ pattern: '/servers/:id', page: 'Server', title: 'Server' },
	{ pattern: '/domains', page: 'Domains', title: 'Domains' },
	{ pattern: '/settings', page: 'Settings', title: 'Settings' },
	{ pattern: '/settings/:section', page: 'Settings', title: 'Settings' }
];

/** The page of a path, with what the path says; null where there is none. */
export function routeOf(path: string): Route | null {
	const parts = path.split('/');
	for (const { pattern, page, title } of table) {
		const wanted = pattern.split('/');
		if (wanted.length !== parts.length) continue;
		const params: Record<string, string> = {};
		const fits = wanted.every((part, index) => {
			const given = parts[index] ?? '';
			if (!part.startsWith(':')) return part === given;
			params[part.slice(1)] = decodeURIComponent(given);
			return given !== '';
		});
		if (fits) return { page, title, params };
	}
	return null;
}

/** Loads the code of a path's page before it is shown; a failure is told when it is. */
export function loadAhead(path: string): void {
	const route = routeOf(path.split('?')[0] ?? '');
	if (route) load(route.page).catch(() => undefined);
}

/** Loads a page's code. */
export async function load(page: string): Promise<Page['default']> {
	const loader = pages[`./pages/${page}.svelte`];
	if (!loader) throw new Error(`there is no page ${page}`);
	return (await loader()).default;
}
