import { untrack } from 'svelte';
import { api, Channel, refusedFrom, type FolderNewsView } from '$ipc';
import { closing } from '$models/closing.svelte';
import { draftsOf, type Drafts } from '$models/draft.svelte';
import { filesOf, Tab, type Spot } from './tab.svelte';
import { folderOf, isWithin, Tree } from './tree.svelte';
import { Search } from './search.svelte';

/** The files of a project as somebody works with them: tree, tabs, search. Stays while they look elsewhere. */
export class Workspace {
	readonly tree: Tree;
	readonly search: Search;
	tabs = $state.raw<Tab[]>([]);
	/** The project's folder is not there any more. */
	gone = $state(false);
	/** The file that was shown last. */
	shown = $state('');
	/** Counts what was put into the bin and taken out of it. */
	binned = $state(0);
	#begun = false;
	readonly #drafts: Drafts;

	/** The folders in which something is seen, to be watched. */
	readonly watched: string[] = $derived.by(() => {
		const folders = [...this.tree.folders, ...this.tabs.map(({ path }) => folderOf(path))];
		return folders.sort().filter((folder, index, all) => folder !== all[index - 1]);
	});
	readonly unsaved: Tab[] = $derived(this.tabs.filter((tab) => tab.unsaved));

	constructor(readonly projectId: string) {
		this.tree = new Tree((folder) => api.fileList(projectId, folder));
		this.search = new Search(projectId);
		this.#drafts = draftsOf(projectId);
	}

	/** Loads what is seen, for the first time or again, and opens what was typed into and not saved. */
	async begin(): Promise<void> {
		if (this.#begun) return this.look();
		this.#begun = true;
		await Promise.all([this.tree.load(''), this.#openDrafts()]);
	}

	async #openDrafts(): Promise<void> {
		// Why it is not known what was typed, each file says.
		await this.#drafts.load().catch(() => undefined);
		for (const path of Object.keys(this.#drafts.all)) this.open(path);
	}

	/** Looks at everything anew: after a while away, or when more changed than was told. */
	async look(): Promise<void> {
		this.gone = false;
		await Promise.all([
			this.tree.refresh(),
			...this.tabs.map((tab) => tab.look()),
			this.#openDrafts(),
			this.#drafts.again()
		]);
	}

	/** Somebody turns to something else: what was typed is kept at once. */
	async turn(): Promise<void> {
		await Promise.all(this.tabs.map((tab) => tab.turn()));
	}

	tab(path: string): Tab | undefined {
		return this.tabs.find((tab) => tab.path === path);
	}

	/** Opens a file, at a place in it where one is given. */
	open(path: string, spot: Spot | null = null): void {
		let tab = this.tab(path);
		if (!tab) {
			tab = new Tab(filesOf(this.projectId), path);
			this.tabs = [...this.tabs, tab];
			void tab.look();
		}
		if (spot) tab.spot = spot;
	}

	/** Closes a tab; answers the one beside it. */
	close(tab: Tab): Tab | undefined {
		const at = this.tabs.indexOf(tab);
		this.tabs = this.tabs.filter((other) => other !== tab);
		void tab.discard();
		return this.tabs[Math.min(at, this.tabs.length - 1)];
	}

	/** Another program did something. */
	async hear(news: FolderNewsView): Promise<void> {
		if (news.kind === 'gone') this.gone = true;
		else if (news.kind === 'everything') await this.look();
		else {
			const { paths } = news;
			const touched = this.tabs.filter((tab) => paths.some((path) => isWithin(tab.path, path)));
			await Promise.all([this.tree.touched(paths), ...touched.map((tab) => tab.look())]);
		}
	}

	/** Moves a file or a folder, with the tabs that show something of it. */
	async move(from: string, to: string): Promise<string | null> {
		const told = await api.fileMove(this.projectId, from, to);
		const now = (path: string): string => to + path.slice(from.length);
		const along = this.tabs.filter((tab) => isWithin(tab.path, from));
		if (isWithin(this.shown, from)) this.shown = now(this.shown);
		await Promise.all(along.map((tab) => tab.moved(now(tab.path))));
		await this.tree.touched([from, to]);
		return told;
	}

	/** Puts something into the bin, and closes the tabs that show something of it. */
	async remove(path: string): Promise<void> {
		await api.fileDelete(this.projectId, path);
		for (const tab of this.tabs.filter((tab) => isWithin(tab.path, path))) this.close(tab);
		this.binned += 1;
		await this.tree.touched([path]);
	}

	/**
	 * Watches the folders that are seen as long as the component lives. To be called while it is being
	 * set up.
	 */
	watch(): void {
		let number: number | null = null;
		let asked: string | null = null;
		let turn = 0;
		let gone = false;
		const stop = (old: number | null): void => {
			if (old !== null) void api.streamStop(old).catch(() => undefined);
		};
		const begin = async (folders: string[]): Promise<void> => {
			const mine = ++turn;
			const channel = new Channel<FolderNewsView>();
			channel.onmessage = (news) => void this.hear(news);
			try {
				const fresh = await api.fileWatch(this.projectId, folders, channel);
				// The one of before ends only now, so that nothing is missed in between.
				if (gone || mine !== turn) return stop(fresh);
				stop(number);
				number = fresh;
			} catch (error) {
				// What is not watched is looked at when the window comes to the front.
				asked = null;
				if (refusedFrom(error).code === 'folder_gone') this.gone = true;
			}
		};
		$effect(() => {
			const folders = this.watched;
			const key = folders.join('\n');
			if (this.gone || key === asked) return;
			asked = key;
			untrack(() => void begin(folders));
		});
		$effect(() => {
			const look = (): void => void this.look();
			window.addEventListener('focus', look);
			return () => {
				window.removeEventListener('focus', look);
				gone = true;
				stop(number);
			};
		});
	}
}

// One a project, so that nothing that was typed is gone when somebody comes back.
const all: Record<string, Workspace> = {};

/** The files of a project. */
export function workspaceOf(projectId: string): Workspace {
	const known = all[projectId];
	if (known) return known;
	const fresh = (all[projectId] = new Workspace(projectId));
	closing.atEnd(() => fresh.turn());
	return fresh;
}

/** Forgets what was seen of a project's files: they lie in another folder now. */
export function forgetWorkspace(projectId: string): void {
	Reflect.deleteProperty(all, projectId);
}
