import { api, refusedFrom, type CommandError, type NodeView } from '$ipc';
import { SvelteMap, SvelteSet } from 'svelte/reactivity';

/** A line of a tree. */
export interface Line {
	path: string;
	name: string;
	depth: number;
	node: NodeView;
	open: boolean;
}

interface Folder {
	entries: { name: string; node: NodeView }[];
}

/** The folders of a version, read when they are opened. */
export class VersionTree {
	readonly #failures = new SvelteMap<string, CommandError>();
	#folders = $state.raw<Record<string, Folder>>({});
	readonly #open = new SvelteSet<string>();
	readonly #version: string;

	constructor(version: string) {
		this.#version = version;
		void this.load('');
	}

	/** What is in sight: the entries of the root, and of every open folder below their folder. */
	readonly lines: Line[] = $derived(this.#below('', 0));
	readonly state: 'loading' | 'error' | 'empty' | 'full' = $derived.by(() => {
		const root = this.#folders[''];
		if (!root) return this.#failures.has('') ? 'error' : 'loading';
		return root.entries.length ? 'full' : 'empty';
	});

	/** Why a folder cannot be read. */
	failure(path: string): CommandError | null {
		return this.#failures.get(path) ?? null;
	}

	/** Opens a folder, or closes it. */
	toggle(path: string): void {
		if (this.#open.delete(path)) return;
		this.#open.add(path);
		if (!this.#folders[path]) void this.load(path);
	}

	/** Reads a folder. */
	async load(path: string): Promise<void> {
		try {
			const entries = await api.versionEntries(this.#version, path);
			// Folders first, each kind by name, as every tree shows them.
			entries.sort(
				(a, b) =>
					Number(b.node.kind === 'folder') - Number(a.node.kind === 'folder') ||
					a.name.localeCompare(b.name)
			);
			this.#folders = { ...this.#folders, [path]: { entries } };
			this.#failures.delete(path);
		} catch (error) {
			this.#failures.set(path, refusedFrom(error));
		}
	}

	#below(folder: string, depth: number): Line[] {
		const lines: Line[] = [];
		for (const { name, node } of this.#folders[folder]?.entries ?? []) {
			const path = folder ? `${folder}/${name}` : name;
			const open = this.#open.has(path);
			lines.push({ path, name, depth, node, open });
			if (open) lines.push(...this.#below(path, depth + 1));
		}
		return lines;
	}
}
