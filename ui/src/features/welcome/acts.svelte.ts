import {
	api,
	Channel,
	refusedFrom,
	type CommandError,
	type DomainVisitView,
	type SampleChangeView,
	type TourStepIdView
} from '$ipc';
import { desk } from '$models/desk.svelte';
import { place } from '$models/place.svelte';
import { tour } from '$models/tour.svelte';

/** What the tour's buttons do, and what came of it. */
class Acts {
	/** The step whose button was pressed and is not done yet. */
	busy = $state<TourStepIdView | 'stop' | 'wipe' | null>(null);
	failure = $state.raw<CommandError | null>(null);
	/** What the practice cloud said while it started. */
	said = $state.raw<string[]>([]);
	/** What the site answered when it was last looked at. */
	visit = $state.raw<DomainVisitView | null>(null);
	/** The lines of the sample that were changed last. */
	changes = $state.raw<SampleChangeView[]>([]);

	async step(id: TourStepIdView): Promise<void> {
		await this.#work(id, async () => {
			switch (id) {
				case 'practice':
					await this.#start();
					break;
				case 'accounts':
					await desk.written(api.practiceConnect());
					break;
				case 'project':
					await desk.written(api.tourProject());
					break;
				case 'visit':
					await this.#visit();
					break;
				case 'break':
					this.changes = await api.sampleWrite('broken');
					break;
				case 'mistake':
					this.changes = await api.sampleWrite('mistaken');
					break;
				case 'server':
				case 'deploy':
				case 'domain':
				case 'refused':
				case 'live':
				case 'roll_back':
					place.go(`/plans/${(await api.tourPlan(id)).id}`);
					break;
				default:
					id satisfies never;
			}
			await tour.look();
		});
	}

	/** Joins a start that is under way, after the page was left and opened again. */
	async join(): Promise<void> {
		if (this.busy === null) await this.step('practice');
	}

	async stop(): Promise<void> {
		await this.#work('stop', async () => {
			await api.practiceStop();
			await tour.look();
		});
	}

	async wipe(): Promise<void> {
		await this.#work('wipe', async () => {
			await api.practiceWipe();
			this.visit = null;
			this.changes = [];
			await tour.look();
		});
	}

	/** Looks at the site without its being a step. */
	async look(): Promise<void> {
		await this.#work('visit', () => this.#visit());
	}

	/** Looks at the site once more when something may have changed there; in silence. */
	async refresh(): Promise<void> {
		const domain = tour.value?.domain_id;
		if (!domain || this.busy !== null) return;
		try {
			this.visit = await api.tourVisit(domain);
		} catch {
			// What is shown stays; whoever wants to know presses the button and is told.
		}
	}

	async #start(): Promise<void> {
		this.said = [];
		const said = new Channel<string>();
		said.onmessage = (line) => (this.said = [...this.said, line]);
		await api.practiceStart(said);
	}

	async #visit(): Promise<void> {
		const domain = tour.value?.domain_id;
		if (domain) this.visit = await api.tourVisit(domain);
	}

	async #work(what: Acts['busy'], work: () => Promise<void>): Promise<void> {
		if (this.busy !== null) return;
		this.busy = what;
		this.failure = null;
		try {
			await work();
		} catch (error) {
			this.failure = refusedFrom(error);
		} finally {
			this.busy = null;
		}
	}
}

export const acts = new Acts();
