import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import { refusedFrom, type CommandError, type TreeEntryView } from '$ipc';

/** A line of the tree. */
export interface TreeRow {
	path: string;
	/** The folder that it is in. */
	folder: string;
	depth: number;
	entry: TreeEntryView;
	isOpen: boolean;
	/** Its place among its siblings, from 1, and how many those are. */
	place: number;
	of: number;
	/** Why what is in it cannot be listed. */
	failure: CommandError | null;
}

export const folderOf = (path: string): string => path.split('/').slice(0, -1).join('/');
export const nameOf = (path: string): string => path.split('/').at(-1) ?? path;
export const joined = (folder: string, name: string): string =>
	folder ? `${folder}/${name}` : name;
/** Whether a path is this one or below it; everything is below the whole. */
export const isWithin = (path: string, above: string): boolean =>
	above === '' || path === above || path.startsWith(`${above}/`);

/** The tree, as far as somebody has opened it: what is closed is neither loaded nor watched. */
export class Tree {
	readonly #entries = new SvelteMap<string, TreeEntryView[]>();
	readonly #failures = new SvelteMap<string, CommandError>();
	readonly #open = new SvelteSet<string>();
	readonly #list: (folder: string) => Promise<TreeEntryView[]>;
	readonly #turns: Record<string, number> = {};

	constructor(list: (folder: string) => Promise<TreeEntryView[]>) {
		this.#list = list;
	}

	/** Why the project's own folder cannot be listed. */
	readonly failure: CommandError | null = $derived(this.#failures.get('') ?? null);
	readonly loaded: boolean = $derived(this.#entries.has(''));
	/** The folders that are seen, to be watched. */
	readonly folders: string[] = $derived(['', ...this.#open]);
	/** All lines, from the top. */
	readonly rows: TreeRow[] = $derived.by(() => {
		const rows: TreeRow[] = [];
		this.#gather('', 0, rows);
		return rows;
	});

	#gather(folder: string, depth: number, rows: TreeRow[]): void {
		const entries = this.#entries.get(folder) ?? [];
		entries.forEach((entry, index) => {
			const path = joined(folder, entry.name);
			const isOpen = entry.kind === 'folder' && this.#open.has(path);
			const failure = isOpen ? (this.#failures.get(path) ?? null) : null;
			const place = { place: index + 1, of: entries.length };
			rows.push({ path, folder, depth, entry, isOpen, failure, ...place });
			if (isOpen) this.#gather(path, depth + 1, rows);
		});
	}

	/** What is at a path, where it is seen. */
	entry(path: string): TreeEntryView | undefined {
		return this.#entries.get(folderOf(path))?.find(({ name }) => name === nameOf(path));
	}

	/** Lists a folder, again or for the first time; what was asked for last counts. */
	async load(folder: string): Promise<void> {
		const turn = (this.#turns[folder] = (this.#turns[folder] ?? 0) + 1);
		try {
			const entries = await this.#list(folder);
			if (turn !== this.#turns[folder]) return;
			this.#entries.set(folder, entries);
			this.#failures.delete(folder);
			for (const open of [...this.#open]) {
				const gone = !entries.some(({ name, kind }) => kind === 'folder' && name === nameOf(open));
				if (folderOf(open) === folder && gone) this.close(open);
			}
		} catch (error) {
			if (turn !== this.#turns[folder]) return;
			this.#failures.set(folder, refusedFrom(error));
		}
	}

	async open(folder: string): Promise<void> {
		if (this.#open.has(folder)) return;
		this.#open.add(folder);
		await this.load(folder);
	}

	/** Closes a folder and forgets what is below it. */
	close(folder: string): void {
		for (const open of [...this.#open]) {
			if (!isWithin(open, folder)) continue;
			this.#open.delete(open);
			this.#entries.delete(open);
			this.#failures.delete(open);
			this.#turns[open] = (this.#turns[open] ?? 0) + 1;
		}
	}

	/** Opens the folders above a path. */
	async reveal(path: string): Promise<void> {
		const parts = path.split('/').slice(0, -1);
		for (let depth = 1; depth <= parts.length; depth += 1) {
			await this.open(parts.slice(0, depth).join('/'));
		}
	}

	/** Something changed at these paths: the folders that are seen are listed again. */
	async touched(paths: string[]): Promise<void> {
		const parents = Object.fromEntries(paths.map((path) => [folderOf(path), true]));
		// What is ignored is written in these, and counts below them.
		const ignores = paths
			.filter((path) => /(^|\/)\.((git|plimsoll)?ignore)$/.test(path))
			.map(folderOf);
		const stale = this.folders.filter(
			(folder) => parents[folder] || ignores.some((above) => isWithin(folder, above))
		);
		await Promise.all(stale.map((folder) => this.load(folder)));
	}

	/** Lists everything that is seen again. */
	async refresh(): Promise<void> {
		await Promise.all(this.folders.map((folder) => this.load(folder)));
	}
}
