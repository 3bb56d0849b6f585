import {
	api,
	events,
	refusedFrom,
	type Changes,
	type CommandError,
	type DeskStateView,
	type NoticeView,
	type ReceiptView
} from '$ipc';
import { NO_ANSWER, soon, whenOpen } from './answer';
import { accounts, keys } from './account.svelte';
import { deployments, releases } from './deployment.svelte';
import { certificates, domains } from './domain.svelte';
import { place } from './place.svelte';
import { jobs } from './job.svelte';
import { configurations, environments, projects, services, variables } from './project.svelte';
import { baseSnapshots, servers } from './server.svelte';
import { versions } from './version.svelte';

type Phase = DeskStateView['state'];

/** What everything stands on: the first load, and the changes since. */
class Desk {
	phase = $state<Phase>('opening');
	failure = $state<CommandError | null>(null);
	#seq = $state(0);
	#waiting: { seq: number; done: () => void }[] = [];
	#listening = false;
	#early: Changes[] | null = null;
	#loads = 0;

	/** The system's keychain was asked and may be waiting for somebody to unlock it. */
	askingKeychain = $state(false);
	/** Tokens and keys are in a vault, whose passphrase is needed. */
	vault = $state(false);
	/** What people have to be told until they put it away. */
	notices = $state<NoticeView[]>([]);

	/** The number of the last change that was applied: whoever derives from rows by asking asks anew. */
	get seq(): number {
		return this.#seq;
	}

	/** Loads everything that there is little of, and follows what changes. */
	async open(): Promise<void> {
		this.phase = 'opening';
		try {
			if (!this.#listening) await whenOpen(() => this.#listen());
			this.#listening = true;
		} catch (error) {
			this.failure = refusedFrom(error);
			this.phase = 'failed';
			return;
		}
		await this.#load();
	}

	/** Opens everything again after that failed. */
	async again(): Promise<void> {
		if (this.failure?.code === NO_ANSWER) return location.reload();
		// Why it failed again, the opening says.
		await api.deskReopen().catch(() => undefined);
		if (this.phase === 'failed') await this.open();
	}

	/** Hears what changes. Whoever hears it twice is none the worse. */
	async #listen(): Promise<void> {
		await Promise.all([
			events.changes.listen(({ payload }) => this.#hear(payload)),
			events.deskChanged.listen(({ payload }) => this.#became(payload.state))
		]);
	}

	/** Puts a notice away. */
	async dismiss(notice: NoticeView): Promise<void> {
		this.notices = this.notices.filter((other) => other.id !== notice.id);
		await api.noticeDismiss(notice.id);
	}

	async #load(): Promise<void> {
		const load = ++this.#loads;
		this.phase = 'opening';
		this.#early = [];
		try {
			const view = await whenOpen(() => api.deskLoad());
			if (load !== this.#loads) return;
			projects.fill(view.projects);
			environments.fill(view.environments);
			services.fill(view.services);
			variables.fill(view.variables);
			configurations.fill(view.configurations);
			deployments.fill(view.deployments);
			releases.fill(view.releases);
			accounts.fill(view.accounts);
			keys.fill(view.keys);
			domains.fill(view.domains);
			certificates.fill(view.certificates);
			jobs.fill(view.jobs);
			servers.fill(view.servers);
			baseSnapshots.fill(view.base_snapshots);
			baseSnapshots.recipe = view.recipe_hash;
			this.notices = view.notices;
			this.#seq = view.seq;
			const early = this.#early;
			this.#early = null;
			early.forEach((changes) => this.apply(changes));
			this.#done();
			this.failure = null;
			this.phase = 'open';
			if (view.start_path) place.go(view.start_path);
		} catch (error) {
			if (load !== this.#loads) return;
			this.failure = refusedFrom(error);
			const state = await soon(api.deskState());
			if (load !== this.#loads) return;
			this.vault = state?.state === 'locked' && state.vault;
			this.phase = state?.state === 'locked' ? 'locked' : 'failed';
		}
	}

	#hear(changes: Changes): void {
		if (this.#early) this.#early.push(changes);
		else this.apply(changes);
	}

	/** Everything is opened again behind the page's back: with another keychain, from an export. */
	#became(now: DeskStateView): void {
		this.askingKeychain = now.state === 'opening' && now.asking_keychain;
		const stuck = this.phase === 'locked' || this.phase === 'failed';
		const anew = now.state === 'opening' && this.phase === 'open';
		const onward = stuck && (now.state === 'opening' || now.state === 'open');
		if (anew || onward) void this.#load();
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
				case 'variable':
					variables.apply(id, row.now ?? null);
					break;
				case 'configuration':
					configurations.apply(id, row.now ?? null);
					break;
				case 'job':
					jobs.apply(id, row.now ?? null);
					break;
				case 'deployment':
					deployments.apply(id, row.now ?? null);
					break;
				case 'release':
					releases.apply(id, row.now ?? null);
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
				case 'server':
					servers.apply(id, row.now);
					break;
				case 'base_snapshot':
					baseSnapshots.apply(id, row.now);
					break;
				case 'version':
					versions.apply(id, row.now);
					break;
				case 'certificate':
					certificates.apply(id, row.now);
					break;
				default:
					row satisfies never;
			}
		}
		this.#seq = Math.max(this.#seq, changes.seq);
		this.#done();
	}

	/** Answers whoever waits for a change that is here now. */
	#done(): void {
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
