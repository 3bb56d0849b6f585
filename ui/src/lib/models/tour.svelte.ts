import { api, type PracticeView, type TourStepView, type TourView } from '$ipc';
import { Asked } from './asked.svelte';
import { desk } from './desk.svelte';

/** How long changes are gathered before the tour is looked at again, ms. */
const GATHER_MS = 400;

/** Where somebody stands in the tour. It follows from what exists, so every change may move it. */
class Tour extends Asked<TourView> {
	readonly practice = new Asked<PracticeView>(() => api.practiceStatus());
	readonly steps: TourStepView[] = $derived(this.value?.steps ?? []);
	/** The step that is to be done, or that a job does. */
	readonly present: TourStepView | undefined = $derived(
		this.steps.find(({ state }) => state === 'now' || state === 'underway')
	);
	readonly done: number = $derived(this.steps.filter(({ state }) => state === 'done').length);
	readonly finished: boolean = $derived(this.steps.length > 0 && !this.present);
	/** Whether somebody began it and has not put it away. */
	readonly begun: boolean = $derived(this.done > 0 && !this.value?.hidden);
	#pause: ReturnType<typeof setTimeout> | undefined;

	constructor() {
		super(() => api.tourLoad());
	}

	/** Looks again soon after something changed. To be called in an effect. */
	follow(): () => void {
		void desk.seq;
		this.#pause ??= setTimeout(() => {
			this.#pause = undefined;
			void this.load();
		}, GATHER_MS);
		return () => undefined;
	}

	/** Looks at the practice cloud and at where the tour stands. */
	async look(): Promise<void> {
		await Promise.all([this.practice.load(), this.load()]);
	}
}

export const tour = new Tour();
