import { SvelteSet } from 'svelte/reactivity';
import {
	api,
	Channel,
	refusedFrom,
	type CommandError,
	type FileHitsView,
	type HitView,
	type QueryView,
	type ReplacedView,
	type SearchNewsView
} from '$ipc';

/** How long a pause in typing is before it is searched for. */
const PAUSE_MS = 250;
/** How often what was found is shown while more is found. */
const GATHER_MS = 60;

/** A line of the list of what was found: a file, or a place in it. */
export type FoundRow =
	| { kind: 'file'; file: FileHitsView; isOpen: boolean }
	| { kind: 'hit'; file: FileHitsView; hit: HitView };

/** A search through all files of a project, and what it has found so far. */
export class Search {
	text = $state('');
	instead = $state('');
	replacing = $state(false);
	isRegex = $state(false);
	matchCase = $state(false);
	wholeWord = $state(false);
	only = $state('');
	running = $state(false);
	failure = $state.raw<CommandError | null>(null);
	/** Files that were searched; null as long as nobody has searched. */
	searched = $state<number | null>(null);
	isCut = $state(false);
	#files = $state.raw<FileHitsView[]>([]);
	readonly #closed = new SvelteSet<string>();
	#stream: number | null = null;
	#turn = 0;
	#timer: ReturnType<typeof setTimeout> | undefined;

	/** By path. */
	readonly files: FileHitsView[] = $derived(
		[...this.#files].sort((a, b) => (a.path < b.path ? -1 : 1))
	);
	readonly hits: number = $derived(this.#files.reduce((sum, { count }) => sum + count, 0));
	readonly rows: FoundRow[] = $derived(
		this.files.flatMap((file): FoundRow[] => {
			const isOpen = !this.#closed.has(file.path);
			const hits = isOpen ? file.hits.map((hit): FoundRow => ({ kind: 'hit', file, hit })) : [];
			return [{ kind: 'file', file, isOpen }, ...hits];
		})
	);
	readonly query: QueryView = $derived({
		text: this.text,
		is_regex: this.isRegex,
		match_case: this.matchCase,
		whole_word: this.wholeWord,
		only: this.only
	});

	constructor(readonly projectId: string) {}

	/** Shows or hides the places in a file. */
	toggle(path: string): void {
		if (!this.#closed.delete(path)) this.#closed.add(path);
	}

	/** Searches after a pause in typing. */
	soon(): void {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.start(), PAUSE_MS);
	}

	/** Searches; the search of before ends. */
	async start(): Promise<void> {
		clearTimeout(this.#timer);
		this.stop();
		const turn = ++this.#turn;
		this.failure = null;
		this.isCut = false;
		if (this.text === '') {
			this.#files = [];
			this.searched = null;
			return;
		}
		this.running = true;
		let found: FileHitsView[] = [];
		let shown: ReturnType<typeof setTimeout> | undefined;
		const show = (): void => {
			clearTimeout(shown);
			shown = undefined;
			if (turn === this.#turn) this.#files = [...found];
		};
		const channel = new Channel<SearchNewsView>();
		channel.onmessage = (news) => {
			if (turn !== this.#turn) return;
			if (news.kind === 'found') {
				found.push(news.file);
				shown ??= setTimeout(show, GATHER_MS);
				return;
			}
			if (news.kind === 'failed') {
				found = [];
				this.failure = news.failure;
			} else {
				this.searched = news.files;
				this.isCut = news.is_cut;
			}
			this.running = false;
			show();
		};
		const instead = this.replacing ? this.instead : null;
		try {
			const stream = await api.searchStart(this.projectId, this.query, instead, channel);
			if (turn === this.#turn) this.#stream = stream;
			else void api.streamStop(stream).catch(() => undefined);
		} catch (error) {
			if (turn !== this.#turn) return;
			this.running = false;
			this.failure = refusedFrom(error);
		}
	}

	/** Ends the search that is under way; what it has found stays. */
	stop(): void {
		this.#turn += 1;
		this.running = false;
		if (this.#stream !== null) void api.streamStop(this.#stream).catch(() => undefined);
		this.#stream = null;
	}

	/** Replaces everything that is shown, in the files as they were searched. */
	async replace(): Promise<ReplacedView> {
		const files = this.files.map(({ path, hash }) => ({ path, hash }));
		const done = await api.searchReplace(this.projectId, this.query, this.instead, files);
		await this.start();
		return done;
	}
}
