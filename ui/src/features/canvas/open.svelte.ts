import {
	api,
	Channel,
	Refused,
	refusedFrom,
	type CanvasFileView,
	type CanvasView,
	type CommandError,
	type DraftView
} from '$ipc';
import { Asked } from '$models/asked.svelte';
import { Preview } from './preview.svelte';
import { isText } from './text';
import { Writing, type Page, type ReadText } from './writing.svelte';

/** How a file ends its lines, so that saving changes nothing but what was typed. */
type Form = Omit<Parameters<typeof api.fileWrite>[2], 'text'>;
type Read = Awaited<ReturnType<typeof api.fileRead>>;

/** The canvases of a project, and the one that is open. */
export class OpenCanvas {
	readonly list: Asked<CanvasView[]>;
	readonly preview = new Preview();
	readonly writing = new Writing();
	/** What was typed and not saved, by the path within the project. */
	drafts = $state.raw<Readonly<Record<string, DraftView>>>({});
	files = $state.raw<CanvasFileView[]>([]);
	/** The canvas of which a preview would show what was typed and not saved. */
	prepared = $state('');
	/** How often the preview was wanted anew. */
	loads = $state(0);
	/** Why something that was done here was refused. */
	failure = $state.raw<CommandError | null>(null);
	readonly canvas: CanvasView | null;
	/** Files that can be written. */
	readonly texts: CanvasFileView[];
	readonly #projectId: string;
	#begun = '';

	constructor(projectId: string, chosen: () => string) {
		this.#projectId = projectId;
		this.list = new Asked(() => api.canvasList(projectId));
		this.canvas = $derived(
			this.list.value?.find(({ name }) => name === chosen()) ?? this.list.value?.[0] ?? null
		);
		this.texts = $derived(this.files.filter(({ path }) => isText(path)));
	}

	/** The open canvas's name; that of the main one until it is known. */
	get name(): string {
		return this.canvas?.name ?? 'main';
	}

	/** The path within the project of something in the open canvas. */
	whole(path: string): string {
		return `${this.canvas?.folder ?? '.canvas'}/${path}`;
	}

	/**
	 * Begins with a canvas's files: its page first, or after a failure what was open. What was typed
	 * and not saved before is shown.
	 */
	async begin(): Promise<void> {
		const { name } = this;
		const before = name === this.#begun ? this.writing.path : '';
		await this.#try(async () => {
			await this.writing.leave();
			const drafts = await api.fileDrafts(this.#projectId);
			this.drafts = Object.fromEntries(drafts.map((draft) => [draft.path, draft]));
			await this.#preview(true);
		});
		this.prepared = name;
		if (this.failure) return;
		await this.#try(async () => {
			this.files = await api.canvasFiles(this.#projectId, name);
			const known = [before, 'index.html'].map((wish) =>
				this.texts.find(({ path }) => path === wish)
			);
			const first = known.find(Boolean) ?? this.texts[0];
			if (first) await this.writing.open(this.#page(first.path));
			this.#begun = name;
		});
	}

	/** Whether something was typed into a file of the open canvas and not saved. */
	isUnsaved(path: string): boolean {
		return path === this.writing.path ? this.writing.dirty : this.whole(path) in this.drafts;
	}

	/** The page is left: what was typed is kept, and previews elsewhere show what is on disk. */
	async leave(): Promise<void> {
		await this.writing.leave().catch(() => undefined);
		await this.#preview(false).catch(() => undefined);
	}

	/** Loads the preview anew. */
	loadAgain(): void {
		this.loads += 1;
	}

	/** Opens a file to be written. */
	async write(path: string): Promise<void> {
		await this.#try(() => this.writing.open(this.#page(path)));
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

	/** Shows what was typed into files of the open canvas, or what is on disk instead. */
	async #preview(typed: boolean): Promise<void> {
		const { name } = this;
		const drafts = Object.values(this.drafts).filter(({ path }) => path.startsWith(this.whole('')));
		await Promise.all(
			drafts.map(({ path, text }) =>
				api.canvasDraft(
					this.#projectId,
					name,
					path.slice(this.whole('').length),
					typed ? text : null
				)
			)
		);
	}

	/** A file of the canvas that is open now. */
	#page(path: string): Page {
		const [canvas, whole, id] = [this.name, this.whole(path), this.#projectId];
		let form: Form = { ending: 'lf', has_mark: false };
		const asText = (read: Read): ReadText | null => {
			if (read.content.kind !== 'text') return null;
			const { text, ending, has_mark } = read.content;
			form = { ending, has_mark };
			return { text, hash: read.hash ?? '' };
		};
		return {
			path,
			read: async () => asText(await api.fileRead(id, whole)) ?? refuse(path),
			write: async (text, hash) => {
				const done = await api.fileWrite(id, whole, { text, ...form }, hash);
				if (done.outcome === 'done') return { hash: done.hash };
				return { conflict: done.on_disk && asText(done.on_disk) };
			},
			show: async (text) => {
				await api.canvasDraft(id, canvas, path, text);
			},
			keep: async (typed) => {
				const { [whole]: known, ...others } = this.drafts;
				if (typed) {
					const draft = { path: whole, text: typed.text, seen: typed.hash || null, ...form };
					this.drafts = { ...others, [whole]: draft };
					await api.fileKeepDraft(id, draft);
				} else if (known) {
					this.drafts = others;
					await api.fileForgetDraft(id, whole);
				}
			},
			kept: () => {
				const draft = this.drafts[whole];
				return draft ? { text: draft.text, hash: draft.seen ?? '' } : null;
			}
		};
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

function refuse(path: string): never {
	throw new Refused({
		code: 'not_a_text',
		message: `${path} cannot be written here.`,
		evidence: ['it is no text, or more than can be shown'],
		next_step: 'Change it with a program for such files: the preview follows.',
		retryable: false,
		field: ''
	});
}
