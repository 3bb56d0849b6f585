import { SvelteMap } from 'svelte/reactivity';

/** The rows of one noun. Only `desk.apply` writes it, so that every change arrives the same way. */
export class Rows<T extends { id: string }> {
	readonly #rows = new SvelteMap<string, T>();

	/** All of them, in the order in which they came to be: ids grow with time. */
	readonly all: T[] = $derived(
		[...this.#rows.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
	);

	get(id: string): T | undefined {
		return this.#rows.get(id);
	}

	/** Puts in what was read at first. */
	fill(rows: T[]): void {
		this.#rows.clear();
		for (const row of rows) this.#rows.set(row.id, row);
	}

	/** Takes a change: the row as it is now, or that it is gone. */
	apply(id: string, now: T | null | undefined): void {
		if (now === null || now === undefined) this.#rows.delete(id);
		else this.#rows.set(id, now);
	}
}
