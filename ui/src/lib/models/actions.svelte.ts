import { SvelteSet } from 'svelte/reactivity';
import { untrack } from 'svelte';

/** Something that a person can do here: in the palette, in the list of keys, by its keys. */
export interface Action {
	/** Unique; of two with the same id the one offered last counts. */
	id: string;
	/** What it does, beginning with a verb: "Create project". */
	title: string;
	/** The heading that it stands under. */
	group: string;
	/** `'g p'` one after the other, `'mod+k'` together (Ctrl, on a Mac Cmd), `'Enter'`, `'?'`. */
	keys?: string;
	/** Further words by which the palette finds it. */
	words?: string;
	run: () => void;
	/** Why it cannot be done now. */
	disabled?: string;
}

class Actions {
	readonly #offers = new SvelteSet<() => Action[]>();

	/** All that are offered now, each once. */
	readonly all: Action[] = $derived.by(() => {
		const byId: Record<string, Action> = {};
		for (const offer of this.#offers) for (const action of offer()) byId[action.id] = action;
		return Object.values(byId);
	});

	/** Offers actions as long as the component lives. To be called while it is being set up. */
	offer(offer: () => Action[]): void {
		$effect(() => {
			untrack(() => this.#offers.add(offer));
			return () => untrack(() => this.#offers.delete(offer));
		});
	}
}

export const actions = new Actions();
