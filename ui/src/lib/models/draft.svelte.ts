import { api, type DraftView } from '$ipc';
import { closing } from './closing.svelte';
import { Turns } from './turns';

/**
 * What was typed into the files of a project and not saved. Everybody who shows a file keeps it here
 * and finds it here, so that nobody shows or keeps less than somebody else has seen.
 */
export class Drafts {
	/** By path; known here before the engine has kept it. */
	all = $state.raw<Readonly<Record<string, DraftView>>>({});
	/** Whether it is known what was typed before. */
	loaded = false;
	#loading: Promise<void> | undefined;
	readonly #turns = new Turns();
	/** Of which files the engine could not be told: their folder is away, or the disk is full. */
	#untold: string[] = [];

	constructor(readonly projectId: string) {}

	/** Asks what was typed before, until that is known. */
	async load(): Promise<void> {
		if (this.loaded) return;
		this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
		return this.#loading;
	}

	async #load(): Promise<void> {
		const kept = await api.fileDrafts(this.projectId);
		this.all = { ...Object.fromEntries(kept.map((draft) => [draft.path, draft])), ...this.all };
		this.loaded = true;
	}

	/** Keeps what was typed into a file, over the end of the program. */
	keep(draft: DraftView): Promise<void> {
		this.all = { ...this.all, [draft.path]: draft };
		return this.#tell(draft.path);
	}

	/** A file has another path now: what was typed into it goes along. */
	async move(from: string, to: string): Promise<void> {
		const { [from]: draft, ...others } = this.all;
		if (!draft) return;
		this.all = { ...others, [to]: { ...draft, path: to } };
		// In this order, so that a power cut in between loses nothing.
		await this.#tell(to);
		await this.#tell(from);
	}

	/** Forgets what was typed into a file: it is saved, or given up. */
	forget(path: string): Promise<void> {
		const others = Object.entries(this.all).filter(([other]) => other !== path);
		this.all = Object.fromEntries(others);
		return this.#tell(path);
	}

	/** Tells the engine what it could not be told before. */
	async again(): Promise<void> {
		await Promise.all(this.#untold.map((path) => this.#tell(path).catch(() => undefined)));
	}

	/** Waits until the engine was told everything. */
	told(): Promise<void> {
		return this.#turns.done();
	}

	#tell(path: string): Promise<void> {
		return this.#turns.take(path, async () => {
			// What is so by now: several changes in the meantime are told as one.
			const draft = this.all[path];
			this.#untold = [...this.#untold.filter((other) => other !== path), path];
			if (draft) await api.fileKeepDraft(this.projectId, draft);
			else await api.fileForgetDraft(this.projectId, path);
			this.#untold = this.#untold.filter((other) => other !== path);
		});
	}
}

const all: Record<string, Drafts> = {};

/** What was typed into the files of a project and not saved. */
export function draftsOf(projectId: string): Drafts {
	const known = all[projectId];
	if (known) return known;
	const fresh = (all[projectId] = new Drafts(projectId));
	closing.atEnd(() => fresh.told());
	return fresh;
}
