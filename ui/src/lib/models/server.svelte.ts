import { api, Channel, refusedFrom } from '$ipc';
import type {
	BaseSnapshotView,
	CommandError,
	FiguresView,
	MachineFiguresView,
	ServerView
} from '$ipc';
import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import { Rows } from './rows.svelte';

class Servers extends Rows<ServerView> {
	/** Those that were not destroyed. */
	readonly standing: ServerView[] = $derived(
		this.all.filter((server) => server.state !== 'destroyed')
	);
}

class BaseSnapshots extends Rows<BaseSnapshotView> {
	/** Hash of today's recipe. */
	recipe = $state('');

	/** Whether something was prepared by another recipe than today's. */
	isOutdated(recipeHash: string | null): boolean {
		return recipeHash !== null && this.recipe !== '' && recipeHash !== this.recipe;
	}
}

/** Shares of a machine at a moment, 0 to 1; null where nothing is known. */
export interface Reading {
	processor: number | null;
	memory: number | null;
	disk: number | null;
}

/** A server as it was seen last, and the minutes before. */
export interface Watched {
	/** The machine when it answered last. */
	machine: MachineFiguresView | null;
	/** When that was, RFC 3339. */
	seenAt: string | null;
	/** Why it does not answer now. */
	failure: CommandError | null;
	/** Oldest first, at most {@link KEPT}. */
	past: Reading[];
}

/** Five minutes of a reading every two seconds. */
export const KEPT = 150;

/** How much of each a machine uses. */
export function readingOf(machine: MachineFiguresView): Reading {
	const used = (whole: number, free: number): number | null =>
		whole > 0 ? Math.min(1, Math.max(0, (whole - free) / whole)) : null;
	return {
		processor: machine.processor_bp === null ? null : machine.processor_bp / 10_000,
		memory: used(machine.memory_bytes, machine.memory_available_bytes),
		disk: used(machine.disk_bytes, machine.disk_free_bytes)
	};
}

const NOTHING: Reading = { processor: null, memory: null, disk: null };

/** How servers are, from moment to moment, as long as somebody looks. */
class Figures {
	readonly #seen = new SvelteMap<string, Watched>();

	/** What is known of a server; undefined before it was asked. */
	of(serverId: string): Watched | undefined {
		return this.#seen.get(serverId);
	}

	/** Takes news of a server. */
	take(news: FiguresView): void {
		const before = this.#seen.get(news.server_id);
		const reading = news.machine ? readingOf(news.machine) : NOTHING;
		this.#seen.set(news.server_id, {
			machine: news.machine ?? before?.machine ?? null,
			seenAt: news.machine ? news.at : (before?.seenAt ?? null),
			failure: news.failure,
			past: [...(before?.past ?? []), reading].slice(-KEPT)
		});
	}

	/** Has servers watched, while the window is in sight, until the returned function is called. */
	watch(serverIds: string[]): () => void {
		if (serverIds.length === 0) return () => undefined;
		// Whoever has servers watched does not depend on what is seen.
		let stop = untrack(() => this.#ask(serverIds));
		const turn = (): void => {
			stop();
			stop = document.hidden ? () => undefined : this.#ask(serverIds);
		};
		document.addEventListener('visibilitychange', turn);
		return () => {
			document.removeEventListener('visibilitychange', turn);
			stop();
		};
	}

	#ask(serverIds: string[]): () => void {
		let over = false;
		let number: number | null = null;
		const channel = new Channel<FiguresView>();
		channel.onmessage = (news) => {
			if (!over) this.take(news);
		};
		api
			.serverWatch(serverIds, channel)
			.then((started) => {
				number = started;
				if (over) void api.streamStop(started);
			})
			.catch((error: unknown) => {
				const failure = refusedFrom(error);
				const at = new Date().toISOString();
				for (const server_id of serverIds) this.take({ server_id, at, machine: null, failure });
			});
		return () => {
			over = true;
			if (number !== null) void api.streamStop(number);
		};
	}
}

export const servers = new Servers();
export const baseSnapshots = new BaseSnapshots();
export const figures = new Figures();
