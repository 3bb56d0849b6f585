import { api, Channel, refusedFrom } from '$ipc';
import type { CommandError, JournalView, LiveLogNews } from '$ipc';
import type { LogLine, LogSource } from '$parts/log';

/** One of a server's own logs, followed; its lines stay with the engine until they are in view. */
export class ServerLog implements LogSource {
	total = $state(0);
	ended = $state(false);
	failure = $state.raw<CommandError | null>(null);
	#number: number | null = null;
	#over = false;

	constructor(serverId: string, journal: JournalView) {
		const channel = new Channel<LiveLogNews>();
		channel.onmessage = (news) => {
			if (this.#over) return;
			this.total = news.total;
			this.ended = news.ended;
			this.failure = news.failure;
		};
		api
			.serverFollowLog(serverId, journal, channel)
			.then((number) => {
				this.#number = number;
				if (this.#over) void api.streamStop(number);
			})
			.catch((error: unknown) => (this.failure = refusedFrom(error)));
	}

	async lines(from: number, count: number): Promise<LogLine[]> {
		if (this.#number === null || this.#over) return [];
		const lines = await api.liveLines(this.#number, from, count);
		return lines.map(({ text, is_error, kept }) =>
			kept ? { text, tone: is_error ? 'err' : 'out' } : { text: '(no longer kept)', tone: 'out' }
		);
	}

	async search(
		text: string,
		from: number,
		direction: 'forward' | 'backward'
	): Promise<number | null> {
		if (this.#number === null || this.#over) return null;
		return api.liveSearch(this.#number, text, from, direction === 'forward');
	}

	/** Stops following. */
	close(): void {
		this.#over = true;
		if (this.#number !== null) void api.streamStop(this.#number);
	}
}
