import { api, Channel, refusedFrom, type CommandError, type LiveLogNews } from '$ipc';

/** A line as lists of lines show it. */
interface Line {
	text: string;
	tone: 'out' | 'err';
}

/** A log while it is written. The engine keeps the lines; those in sight are asked for. */
export class FollowedLog {
	total = $state(0);
	ended = $state(false);
	failure = $state.raw<CommandError | null>(null);
	#number: number | null = null;
	#turn = 0;

	/** Follows one, by what begins it and answers its number, until the returned function is called. */
	follow(begin: (channel: Channel<LiveLogNews>) => Promise<number>): () => void {
		const turn = ++this.#turn;
		this.total = 0;
		this.ended = false;
		this.failure = null;
		const channel = new Channel<LiveLogNews>();
		channel.onmessage = (news) => {
			if (turn !== this.#turn) return;
			this.total = news.total;
			this.ended = news.ended;
			this.failure = news.failure;
		};
		begin(channel).then(
			(number) => {
				if (turn === this.#turn) this.#number = number;
				else void api.streamStop(number);
			},
			(error: unknown) => {
				if (turn !== this.#turn) return;
				this.failure = refusedFrom(error);
				this.ended = true;
			}
		);
		return () => {
			if (turn === this.#turn) this.#turn += 1;
			if (this.#number !== null) void api.streamStop(this.#number);
			this.#number = null;
		};
	}

	async lines(from: number, count: number): Promise<Line[]> {
		if (this.#number === null) return [];
		const lines = await api.liveLines(this.#number, from, count);
		return lines.map((line) => ({
			text: line.kept ? line.text : '(no longer kept)',
			tone: line.is_error ? 'err' : 'out'
		}));
	}

	async search(
		text: string,
		from: number,
		direction: 'forward' | 'backward'
	): Promise<number | null> {
		if (this.#number === null) return null;
		return api.liveSearch(this.#number, text, from, direction === 'forward');
	}
}
