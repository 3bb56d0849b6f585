import { SvelteSet } from 'svelte/reactivity';
import { untrack } from 'svelte';

/** A level of the path at the top of the window. */
export interface Crumb {
	label: string;
	/** Where it leads; the last one leads nowhere. */
	path?: string;
	/** What kind of thing it is, for the switcher's name: "project". */
	noun?: string;
	/** Its siblings, to switch to. */
	choices?: { label: string; path: string; selected: boolean }[];
}

class Crumbs {
	readonly #offers = new SvelteSet<() => Crumb[]>();

	/** The levels of the page that is shown. */
	readonly all: Crumb[] = $derived([...this.#offers].at(-1)?.() ?? []);

	/** Fills the path as long as the component lives. To be called while it is being set up. */
	fill(crumbs: () => Crumb[]): void {
		$effect(() => {
			untrack(() => this.#offers.add(crumbs));
			return () => untrack(() => this.#offers.delete(crumbs));
		});
	}
}

export const crumbs = new Crumbs();
