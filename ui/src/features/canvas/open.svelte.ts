import {
	api,
	Channel,
	Refused,
	refusedFrom,
	type CanvasFileView,
	type CanvasView,
	type CommandError
} from '$ipc';
import { Asked } from '$models/asked.svelte';
import { Preview } from './preview.svelte';
import { isText } from './text';
import { Writing, type ReadText } from './writing.svelte';

/** How a file ends its lines, so that saving changes nothing but what was typed. */
type Form = Omit<Parameters<typeof api.fileWrite>[2], 'text'>;
type Read = Awaited<ReturnType<typeof api.fileRead>>;

/** The canvases of a project, and the one that is open. */
export class OpenCanvas {
	readonly list: Asked<CanvasView[]>;
	readonly preview = new Preview();
	readonly writing: Writing;
	files = $state.raw<CanvasFileView[]>([]);
	/** How often the preview was wanted anew. */
	loads = $state(0);
	/** Why something that was done here was refused. */
	failure = $state.raw<CommandError | null>(null);
	readonly canvas: CanvasView | null;
	/** Files that can be written. */
	readonly texts: CanvasFileView[];
	readonly #projectId: string;
	// Only looked at when something is saved.
	readonly #forms = new Map<string, Form>(); // eslint-disable-line svelte/prefer-svelte-reactivity

	constructor(projectId: string, chosen: () => string) {
		this.#projectId = projectId;
		this.list = new Asked(() => api.canvasList(projectId));
		this.canvas = $derived(
			this.list.value?.find(({ name }) => name === chosen()) ?? this.list.value?.[0] ?? null
		);
		this.texts = $derived(this.files.filter(({ path }) => isText(path)));
		this.writing = new Writing({
			read: (path) => this.#read(path),
			write: async (path, text, hash) => {
				const form = this.#forms.get(path) ?? { ending: 'lf', has_mark: false };
				const done = await api.fileWrite(projectId, this.whole(path), { text, ...form }, hash);
				if (done.outcome === 'done') return { hash: done.hash };
				return { conflict: done.on_disk && this.#text(path, done.on_disk) };
			},
			draft: async (path, text) => {
				await api.canvasDraft(projectId, this.name, path, text);
			},
			drafted: (path) => api.canvasDrafted(projectId, this.name, path)
		});
	}

	/** The open canvas's name; that of the main one until it is known. */
	get name(): string {
		return this.canvas?.name ?? 'main';
	}

	/** The path within the project of something in the open canvas. */
	whole(path: string): string {
		return `${this.canvas?.folder ?? '.canvas'}/${path}`;
	}

	/** Begins with a canvas's files: its page first, or after a failure what was open. */
	async begin(): Promise<void> {
		await this.listFiles();
		if (this.failure) return;
		const wanted = [this.writing.path, 'index.html'];
		const known = wanted.map((wish) => this.texts.find(({ path }) => path === wish));
		const first = known.find(Boolean) ?? this.texts[0];
		if (first) await this.write(first.path);
	}

	/** Loads the preview anew. */
	loadAgain(): void {
		this.loads += 1;
	}

	/** Opens a file to be written. */
	async write(path: string): Promise<void> {
		await this.#try(() => this.writing.open(path));
	}

	/** Saves what is being written. */
	async save(): Promise<void> {
		await this.#try(() => this.writing.save());
	}

	/** Leaves out the page's own scripts, as one of them does not come to an end. */
	async stopScripts(): Promise<void> {
		await this.#try(async () => {
			await api.canvasRunScripts(this.#projectId, this.name, false);
			await this.list.load();
		});
	}

	/** Looks which files there are. */
	async listFiles(): Promise<void> {
		await this.#try(async () => {
			this.files = await api.canvasFiles(this.#projectId, this.name);
		});
	}

	/** Follows what changes in the open canvas until the returned function is called. */
	follow(): () => void {
		let over = false;
		let stop = (): void => undefined;
		const channel = new Channel<{ paths: string[] }>();
		channel.onmessage = ({ paths }) => {
			if (over) return;
			this.preview.changed(paths);
			if (!paths.length || paths.includes(this.writing.path))
				void this.writing.changed().catch(() => undefined);
			const isKnown = (path: string): boolean => this.files.some((file) => file.path === path);
			if (!paths.every(isKnown)) void this.listFiles();
		};
		api
			.canvasFollow(this.#projectId, this.name, channel)
			.then((number) => {
				stop = () => void api.streamStop(number);
				if (over) stop();
			})
			.catch((error: unknown) => {
				if (!over) this.failure = refusedFrom(error);
			});
		return () => {
			over = true;
			stop();
		};
	}

	async #read(path: string): Promise<ReadText> {
		const read = await api.fileRead(this.#projectId, this.whole(path));
		const text = this.#text(path, read);
		if (!text)
			throw new Refused({
				code: 'not_a_text',
				message: `${path} cannot be written here.`,
				evidence: ['it is no text, or more than can be shown'],
				next_step: 'Change it with a program for such files: the preview follows.',
				retryable: false,
				field: ''
			});
		return text;
	}

	#text(path: string, read: Read): ReadText | null {
		if (read.content.kind !== 'text') return null;
		const { text, ending, has_mark } = read.content;
		this.#forms.set(path, { ending, has_mark });
		return { text, hash: read.hash ?? '' };
	}

	async #try(work: () => Promise<unknown>): Promise<void> {
		this.failure = null;
		try {
			await work();
		} catch (error) {
			this.failure = refusedFrom(error);
		}
	}
}
