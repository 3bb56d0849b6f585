import { api, events, refusedFrom, type Changes, type CommandError, type ReceiptView } from '$ipc';
import { accounts, keys } from './account.svelte';
import { certificates, domains } from './domain.svelte';
import { environments, projects, services } from './project.svelte';

type Phase = 'opening' | 'open' | 'failed';

/** What everything stands on: the first load, and the changes since. */
class Desk {
	phase = $state<Phase>('opening');
	failure = $state<CommandError | null>(null);
	#seq = $state(0);
	#waiting: { seq: number; done: () => void }[] = [];
	#listening = false;

	/** Loads everything that there is little of, and follows what changes. */
	async open(): Promise<void> {
		this.phase = 'opening';
		const early: Changes[] = [];
		let loaded = false;
		try {
			if (!this.#listening) {
				await events.changes.listen(({ payload }) =>
					loaded ? this.apply(payload) : early.push(payload)
				);
				this.#listening = true;
			}
			const view = await api.deskLoad();
			projects.fill(view.projects);
			environments.fill(view.environments);
			services.fill(view.services);
			accounts.fill(view.accounts);
			keys.fill(view.keys);
			domains.fill(view.domains);
			certificates.fill(view.certificates);
			this.#seq = view.seq;
			loaded = true;
			early.forEach((changes) => this.apply(changes));
			this.failure = null;
			this.phase = 'open';
		} catch (error) {
			this.failure = refusedFrom(error);
			this.phase = 'failed';
		}
	}

	/** The one place that writes the models. */
	apply(changes: Changes): void {
		for (const { id, row } of changes.rows) {
			switch (row.noun) {
				case 'project':
					projects.apply(id, row.now);
					break;
				case 'environment':
					environments.apply(id, row.now);
					break;
				case 'service':
					services.apply(id, row.now);
					break;
				case 'account':
					accounts.apply(id, row.now);
					break;
				case 'key':
					keys.apply(id, row.now);
					break;
				case 'domain':
					domains.apply(id, row.now);
					break;
				case 'certificate':
					certificates.apply(id, row.now);
					break;
				default:
					row satisfies never;
			}
		}
		this.#seq = Math.max(this.#seq, changes.seq);
		const ready = this.#waiting.filter((waiting) => waiting.seq <= this.#seq);
		this.#waiting = this.#waiting.filter((waiting) => waiting.seq > this.#seq);
		ready.forEach((waiting) => waiting.done());
	}

	/** Waits until a write has come back the way a teammate's would. */
	async written(receipt: ReceiptView | Promise<ReceiptView>): Promise<string> {
		const { id, seq } = await receipt;
		if (seq > this.#seq) {
			await new Promise<void>((done) => this.#waiting.push({ seq, done }));
		}
		return id;
	}
}

export const desk = new Desk();
