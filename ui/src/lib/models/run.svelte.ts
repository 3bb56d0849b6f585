import { api, Channel, refusedFrom, type CommandError, type RunsView, type RunView } from '$ipc';

/** What runs on this machine: told by the engine while somebody looks. */
export class Runs {
	#told = $state.raw<RunsView | null>(null);
	#refused = $state.raw<CommandError | null>(null);

	/** Why nothing can be told: there is no Docker, for one. */
	readonly failure: CommandError | null = $derived(this.#refused ?? this.#told?.failure ?? null);
	/** Whether the first answer is still awaited. */
	readonly loading: boolean = $derived(this.#told === null && this.#refused === null);
	readonly containers: RunView[] = $derived(this.#told?.containers ?? []);
	/** Volumes with data. */
	readonly volumes: string[] = $derived(this.#told?.volumes ?? []);
	/** What a crash has left. */
	readonly leftOver: RunView[] = $derived(
		this.containers.filter((one) => one.hold === 'left_over')
	);
	readonly networksLeft: number = $derived(this.#told?.networks_left ?? 0);
	readonly database: RunView | undefined = $derived(
		this.containers.find((one) => one.part === 'database')
	);

	/** The container of a service. */
	of(serviceId: string): RunView | undefined {
		return this.containers.find((one) => one.part === 'service' && one.service_id === serviceId);
	}

	/** Looks once at what runs at all. */
	async look(): Promise<void> {
		try {
			this.#told = await api.runList(null);
			this.#refused = null;
		} catch (error) {
			this.#refused = refusedFrom(error);
		}
	}

	/** Has a project watched until the returned function is called. */
	watch(projectId: string): () => void {
		this.#refused = null;
		let over = false;
		let stop = (): void => undefined;
		const channel = new Channel<RunsView>();
		channel.onmessage = (told) => {
			if (!over) this.#told = told;
		};
		api.runWatch(projectId, channel).then(
			(number) => {
				stop = () => void api.streamStop(number);
				if (over) stop();
			},
			(error: unknown) => {
				if (!over) this.#refused = refusedFrom(error);
			}
		);
		return () => {
			over = true;
			stop();
		};
	}
}
