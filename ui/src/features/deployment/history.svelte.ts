import { api, refusedFrom } from '$ipc';
import type { CommandError, DeploymentFilterView, DeploymentRowView, DeploymentView } from '$ipc';
import { SvelteMap, SvelteSet } from 'svelte/reactivity';

/** Rows asked for at a time: those of one stretch of the list. */
const STRETCH = 40;
/** Rows that are held; those farthest from sight go first. */
const HELD = 1_000;

/** The history as a list: all ids of what the filter lets through, and the rows around those in sight. */
export class History {
	ids = $state.raw<string[]>([]);
	state = $state<'loading' | 'error' | 'full'>('loading');
	failure = $state.raw<CommandError | null>(null);
	readonly #rows = new SvelteMap<string, DeploymentRowView>();
	readonly #asked = new SvelteSet<string>();
	#turn = 0;
	#sight = { from: 0, to: 0 };

	/** Asks for the list anew. What is shown stays until the answer is there. */
	async load(filter: DeploymentFilterView): Promise<void> {
		const turn = ++this.#turn;
		try {
			const ids = await api.deploymentIds(filter);
			if (turn !== this.#turn) return;
			this.ids = ids;
			this.failure = null;
			this.state = 'full';
			void this.#fetch();
		} catch (error) {
			if (turn !== this.#turn) return;
			this.failure = refusedFrom(error);
			this.state = 'error';
		}
	}

	/** The row of a place, once it is there. */
	at(place: number): DeploymentRowView | undefined {
		const id = this.ids[place];
		return id === undefined ? undefined : this.#rows.get(id);
	}

	/** Says which rows are in sight. */
	look(from: number, to: number): void {
		this.#sight = { from, to };
		void this.#fetch();
	}

	/** Takes how a deployment is now, where its row is held; the rest of the row is asked for again. */
	take(now: DeploymentView): void {
		const held = this.#rows.get(now.id);
		if (!held || sameAs(held.deployment, now)) return;
		this.#rows.set(now.id, { ...held, deployment: now });
		this.#asked.delete(now.id);
		if (now.status === 'succeeded') this.#forgetOthers(now);
		void this.#fetch(now.id);
	}

	/** Whether it is in the list. */
	has(id: string): boolean {
		// Ids grow with time and the list is newest first.
		let [low, high] = [0, this.ids.length];
		while (low < high) {
			const middle = (low + high) >> 1;
			if ((this.ids[middle] ?? '') > id) low = middle + 1;
			else high = middle;
		}
		return this.ids[low] === id;
	}

	/** Asks for the stretches in sight and next to it, so that scrolling seldom meets a gap. */
	async #fetch(also?: string): Promise<void> {
		const { from, to } = this.#sight;
		const missing = this.ids
			.slice(stretchOf(from - STRETCH), stretchOf(to + STRETCH - 1) + STRETCH)
			.filter((id) => !this.#rows.has(id) && !this.#asked.has(id));
		if (also) missing.push(also);
		if (missing.length === 0) return;
		missing.forEach((id) => this.#asked.add(id));
		try {
			for (const row of await api.deploymentRows(missing)) this.#rows.set(row.deployment.id, row);
			this.#forget();
		} catch (error) {
			this.failure = refusedFrom(error);
			this.state = 'error';
		} finally {
			missing.forEach((id) => this.#asked.delete(id));
		}
	}

	/** Another one served until now: what is held of its service is asked for again. */
	#forgetOthers(now: DeploymentView): void {
		for (const [id, { deployment }] of this.#rows) {
			const same =
				deployment.service_id === now.service_id &&
				deployment.environment_id === now.environment_id;
			if (same && id !== now.id) this.#rows.delete(id);
		}
	}

	#forget(): void {
		if (this.#rows.size <= HELD) return;
		const { from, to } = this.#sight;
		const sight = this.ids.slice(stretchOf(from - 4 * STRETCH), to + 4 * STRETCH);
		const near = new Set(sight); // eslint-disable-line svelte/prefer-svelte-reactivity -- nobody looks
		for (const id of [...this.#rows.keys()]) if (!near.has(id)) this.#rows.delete(id);
	}
}

/** Where the stretch of a place begins. */
function stretchOf(place: number): number {
	return Math.max(0, Math.floor(place / STRETCH) * STRETCH);
}

function sameAs(a: DeploymentView, b: DeploymentView): boolean {
	return (
		a.status === b.status &&
		a.release_id === b.release_id &&
		a.failure === b.failure &&
		a.finished_at === b.finished_at
	);
}
