import { api, refusedFrom } from '$ipc';
import { place } from '$models/place.svelte';
import { copied } from '$parts/format';
import type { Loss } from '$parts/LossDialog.svelte';
import { toast } from '$parts/toast';
import type { Naming } from './NameDialog.svelte';
import type { Spot, Tab } from './tab.svelte';
import { folderOf, isWithin, joined, nameOf } from './tree.svelte';
import type { Workspace } from './workspace.svelte';

const above = (path: string): string[] =>
	path
		.split('/')
		.slice(0, -1)
		.map((_, depth, parts) => parts.slice(0, depth + 1).join('/'));

/** What somebody does with the files of a project, and what is asked meanwhile. */
export class FileActs {
	/** The marked line of the tree. */
	selected = $state('');
	naming = $state.raw<Naming | null>(null);
	losing = $state.raw<Loss | null>(null);

	/** The file that is shown: the one that is asked for, or the one that was shown before. */
	readonly file: string = $derived.by(
		() => place.query.get('file') ?? this.workspace.tab(this.workspace.shown)?.path ?? ''
	);
	readonly entry = $derived.by(() =>
		this.selected ? this.workspace.tree.entry(this.selected) : undefined
	);
	/** Where something new is made. */
	readonly here: string = $derived.by(() =>
		this.entry?.kind === 'folder' ? this.selected : folderOf(this.selected)
	);

	constructor(
		readonly workspace: Workspace,
		/** Brings a line of the tree into sight. */
		readonly show: (path: string) => void
	) {}

	open(path: string, spot: Spot | null = null): void {
		this.workspace.open(path, spot);
		place.ask({ file: path });
	}

	close(tab: Tab): void {
		const act = (): void => {
			const was = tab.path === this.file;
			const next = this.workspace.close(tab);
			if (was) place.ask({ file: next?.path ?? null });
		};
		if (tab.unsaved) {
			this.losing = { paths: [tab.path], verb: 'Close without saving', act };
		} else act();
	}

	async save(tab: Tab | undefined): Promise<void> {
		if (tab) await told(() => tab.save());
	}

	async saveAll(): Promise<void> {
		for (const tab of this.workspace.unsaved) await this.save(tab);
	}

	async settle(tab: Tab, mine: boolean): Promise<void> {
		await told(() => (mine ? tab.keepMine() : tab.takeTheirs()));
	}

	make(isFolder: boolean): void {
		const { tree, projectId } = this.workspace;
		const what = isFolder ? 'folder' : 'file';
		this.naming = {
			title: `New ${what}`,
			verb: 'Create',
			path: this.here ? `${this.here}/` : '',
			help: 'Folders that are not there yet are made.',
			act: async (path) => {
				const windows = await api.fileCreate(projectId, path, isFolder);
				await tree.touched([path, ...above(path)]);
				await tree.reveal(path);
				this.selected = path;
				if (!isFolder) this.open(path);
				else this.show(path);
				return windows;
			}
		};
	}

	rename(path: string): void {
		if (!path) return;
		this.naming = {
			title: 'Rename or move',
			verb: 'Move',
			path,
			help: 'Change the name, or the folders before it.',
			act: (to) => this.#move(path, to)
		};
	}

	/** Moves something into a folder, where it was dropped. */
	async moveInto(path: string, folder: string): Promise<void> {
		await told(async () => {
			const windows = await this.#move(path, joined(folder, nameOf(path)));
			const where = folder || 'the project’s folder';
			toast.say(
				windows
					? `${nameOf(path)} is in ${where}, but a computer with Windows cannot keep it: ${windows}`
					: `${nameOf(path)} is in ${where}`
			);
		});
	}

	async #move(from: string, to: string): Promise<string | null> {
		const { tree } = this.workspace;
		const windows = await this.workspace.move(from, to);
		const { file } = this;
		if (isWithin(file, from)) place.ask({ file: to + file.slice(from.length) });
		await tree.touched(above(to));
		await tree.reveal(to);
		this.selected = to;
		return windows;
	}

	remove(path: string): void {
		if (!path) return;
		const act = (): void =>
			void told(async () => {
				const { file } = this;
				await this.workspace.remove(path);
				if (isWithin(file, path)) {
					place.ask({ file: this.workspace.tabs.at(-1)?.path ?? null });
				}
				toast.say(`${path} is in the bin`);
			});
		const inside = this.workspace.unsaved.filter((tab) => isWithin(tab.path, path));
		const paths = inside.map((tab) => tab.path);
		if (paths.length) this.losing = { paths, verb: 'Delete without saving', act };
		else act();
	}

	/** Something came back from the bin. */
	async restored(path: string): Promise<void> {
		const { tabs, tree } = this.workspace;
		await tree.touched([path, ...above(path)]);
		await Promise.all(tabs.filter((tab) => tab.path === path).map((tab) => tab.look()));
	}

	/** Copies what was dropped from the desktop, by the number under which that was told. */
	async takeIn(drop: number, to: string): Promise<void> {
		const { projectId, tree } = this.workspace;
		await told(async () => {
			const taken = await api.fileTakeIn(projectId, drop, to);
			await tree.touched(taken.paths);
			const first = taken.paths[0];
			if (first) {
				await tree.reveal(first);
				this.selected = first;
				this.show(first);
			}
			toast.say(copied(taken));
		});
	}
}

/** Does something; why it was refused is told in passing. */
async function told(act: () => Promise<unknown>): Promise<void> {
	try {
		await act();
	} catch (error) {
		toast.fail(refusedFrom(error));
	}
}
