import { api, refusedFrom } from '$ipc';
import { copied } from '$parts/format';
import type { Loss } from '$parts/LossDialog.svelte';
import { toast } from '$parts/toast';
import type { OpenCanvas } from './open.svelte';
import { encoded } from './text';

/** What a person does to the open canvas and its files; what is refused is told in passing. */
export class CanvasActs {
	busy = $state(false);
	losing = $state.raw<Loss | null>(null);
	readonly #projectId: string;
	readonly #open: OpenCanvas;

	constructor(projectId: string, open: OpenCanvas) {
		this.#projectId = projectId;
		this.#open = open;
	}

	/** Writes the page that a canvas begins with. */
	begin(): Promise<void> {
		return this.#do(async () => {
			await api.canvasCreate(this.#projectId, this.#open.name);
			await this.#open.list.load();
		});
	}

	/** Shows it in the person's browser. */
	browse(): Promise<void> {
		return this.#do(() => api.canvasBrowse(this.#projectId, this.#open.name));
	}

	/** Runs its scripts again, after one of them did not come to an end. */
	runScripts(): Promise<void> {
		return this.#do(async () => {
			await api.canvasRunScripts(this.#projectId, this.#open.name, true);
			await this.#open.list.load();
		});
	}

	/** Adds files that were chosen. */
	add(files: File[]): Promise<void> {
		return this.#do(async () => {
			for (const file of files) {
				const content = await encoded(file);
				await api.canvasAddAsset(this.#projectId, this.#open.name, file.name, content);
			}
			await this.#open.listFiles();
		});
	}

	/** Takes in what was dropped under a number. */
	takeIn(number: number): Promise<void> {
		return this.#do(async () => {
			const assets = this.#open.whole('assets');
			toast.say(copied(await api.fileTakeIn(this.#projectId, number, assets)));
			await this.#open.listFiles();
		});
	}

	/** Puts a file into the project's bin; asks first where something typed would be lost. */
	remove(path: string): void {
		const act = (): void =>
			void this.#do(async () => {
				await api.fileDelete(this.#projectId, this.#open.whole(path));
				toast.say(`${path} is in the bin of this project.`);
				await this.#open.removed(path);
			});
		if (this.#open.isUnsaved(path)) {
			this.losing = { paths: [path], verb: 'Delete without saving', act };
		} else act();
	}

	/** Settles a conflict with what is on disk. */
	settle(by: 'mine' | 'theirs'): Promise<void> {
		return this.#do(() => this.#open.writing.settle(by));
	}

	async #do(work: () => Promise<unknown>): Promise<void> {
		this.busy = true;
		try {
			await work();
		} catch (error) {
			toast.fail(refusedFrom(error));
		} finally {
			this.busy = false;
		}
	}
}
