import {
	api,
	Channel,
	refusedFrom,
	type CommandError,
	type ReceiptView,
	type SavingNewsView
} from '$ipc';

/** What came of a save: the version, and names that Windows could not keep. */
export interface Saved {
	receipt: ReceiptView;
	foreign: string[];
}

/** A save of a project's files that is watched, and may be stopped. */
export class Saving {
	busy = $state(false);
	failure = $state.raw<CommandError | null>(null);
	files = $state(0);
	bytesRead = $state(0);
	#stream: number | null = null;
	#turn = 0;

	/** Saves; null when it was refused (see `failure`). One that is stopped in time answers nothing. */
	async run(project: string, message: string): Promise<Saved | null> {
		if (this.busy) return null;
		const turn = ++this.#turn;
		this.busy = true;
		this.failure = null;
		this.files = 0;
		this.bytesRead = 0;
		try {
			return await this.#saved(turn, project, message);
		} catch (error) {
			if (turn === this.#turn) this.failure = refusedFrom(error);
			return null;
		} finally {
			if (turn === this.#turn) {
				this.busy = false;
				this.#stream = null;
			}
		}
	}

	/** Stops it, where it is not done already; what was saved before stays. */
	stop(): void {
		this.#turn += 1;
		this.busy = false;
		if (this.#stream !== null) void api.streamStop(this.#stream).catch(() => undefined);
		this.#stream = null;
	}

	/** Forgets why it was refused. */
	forget(): void {
		this.failure = null;
	}

	#saved(turn: number, project: string, message: string): Promise<Saved> {
		return new Promise((done, refuse) => {
			const channel = new Channel<SavingNewsView>();
			channel.onmessage = (news) => {
				if (news.kind === 'saved') {
					done({ receipt: news.receipt, foreign: news.refused_by_windows });
				} else if (news.kind === 'failed') {
					refuse(news.failure);
				} else if (turn === this.#turn) {
					this.files = news.files;
					this.bytesRead = news.bytes_read;
				}
			};
			api.versionSave(project, message, channel).then((stream) => {
				if (turn === this.#turn) this.#stream = stream;
				else void api.streamStop(stream).catch(() => undefined);
			}, refuse);
		});
	}
}
