/** Where the person is, in the address's fragment: it survives a reload, and back goes back. */

const REMEMBERED = 'plimsoll.place';

/** A path of ours from anything: a fragment, a deep link, a stored text. */
export function pathOf(text: string): string {
	const deep = /^plimsoll:\/\/([a-z]+)(\/[^?]*)?(\?.*)?$/.exec(text);
	if (deep) {
		const nouns: Record<string, string> = {
			project: 'projects',
			server: 'servers',
			deployment: 'deployments',
			plan: 'plans',
			job: 'jobs'
		};
		const noun = deep[1] ?? '';
		return `/${nouns[noun] ?? noun}${(deep[2] ?? '').replace(/\/+$/, '')}${deep[3] ?? ''}`;
	}
	const path = text.replace(/^#/, '');
	return path.startsWith('/') ? path : '';
}

/** One level up: a tab's or drawer's question first, then a part of the path. */
export function above(url: string): string {
	const [path = '', query = ''] = url.split('?');
	if (query) return path;
	const parts = path.split('/').filter(Boolean);
	const parents: Record<string, string> = {
		plans: '/projects',
		jobs: '/deployments',
		settings: '/projects'
	};
	const [first = ''] = parts;
	if (parts.length <= 1) return path || '/projects';
	return parents[first] ?? `/${parts.slice(0, -1).join('/')}`;
}

class Place {
	#url = $state('/projects');
	#depth = 0;
	#opened = false;

	/** The whole address: path and query. */
	readonly url: string = $derived(this.#url);
	/** The path alone, without the query. */
	readonly path: string = $derived(this.#url.split('?')[0] ?? '');
	/** What stands after the question mark. */
	readonly query: URLSearchParams = $derived(new URLSearchParams(this.#url.split('?')[1] ?? ''));

	/** Where `open` will start, as far as that is known before everything is open; empty if not. */
	get expected(): string {
		return pathOf(location.hash) || pathOf(localStorage.getItem(REMEMBERED) ?? '');
	}

	/** Starts at the address, or where the last session ended, or at `otherwise`. */
	open(otherwise = '/projects'): void {
		if (this.#opened) return;
		this.#opened = true;
		this.#url = this.expected || otherwise;
		history.replaceState({ depth: 0 }, '', `#${this.#url}`);
		window.addEventListener('popstate', (event) => {
			const state = event.state as { depth?: number } | null;
			this.#depth = state?.depth ?? 0;
			this.#set(pathOf(location.hash) || otherwise);
		});
	}

	/** Goes to a path of ours or a deep link. */
	go(path: string, how: { replace?: boolean } = {}): void {
		const url = pathOf(path);
		if (!url || url === this.#url) return;
		if (how.replace) history.replaceState({ depth: this.#depth }, '', `#${url}`);
		else history.pushState({ depth: ++this.#depth }, '', `#${url}`);
		this.#set(url);
	}

	/** Changes the query and stays: `place.ask({ tab: 'logs', service: null })`; null takes it out. */
	ask(changes: Record<string, string | null | undefined>): void {
		// A copy to build the next address from; nothing looks at it.
		const query = new URLSearchParams(this.query); // eslint-disable-line svelte/prefer-svelte-reactivity
		for (const [name, value] of Object.entries(changes)) {
			if (value === undefined) continue;
			if (value === null || value === '') query.delete(name);
			else query.set(name, value);
		}
		const text = query.toString();
		this.go(text ? `${this.path}?${text}` : this.path, { replace: true });
	}

	/** Where the person came from; one level up when they came from nowhere. */
	back(): void {
		if (this.#depth > 0) history.back();
		else this.up();
	}

	/** One level up. */
	up(): void {
		this.go(above(this.#url));
	}

	/** Whether the path is this one or below it. */
	within(path: string): boolean {
		return this.path === path || this.path.startsWith(`${path}/`);
	}

	#set(url: string): void {
		this.#url = url;
		localStorage.setItem(REMEMBERED, url);
	}
}

export const place = new Place();
