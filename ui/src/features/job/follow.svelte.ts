import { api, Channel, refusedFrom } from '$ipc';
import type { CommandError, DeploymentRowView, JobNewsView, ReceiptView } from '$ipc';
import { desk } from '$models/desk.svelte';
import type { LogLine, LogSource } from '$parts/log';

/** A job while it goes on: all of it but its log, told a few times a second. */
export class FollowedJob {
	now = $state.raw<JobNewsView | null>(null);
	deployment = $state.raw<DeploymentRowView | null>(null);
	failure = $state.raw<CommandError | null>(null);
	/** What is being asked for: `cancel`, `resume`, `undo`, `retry`. */
	asking = $state('');
	#turn = 0;

	/** Follows a job until the returned function is called. */
	follow(jobId: string): () => void {
		const turn = ++this.#turn;
		if (this.now?.job.id !== jobId) {
			this.now = null;
			this.deployment = null;
		}
		this.failure = null;
		let number: number | null = null;
		const mine = (): boolean => turn === this.#turn;
		const channel = new Channel<JobNewsView>();
		channel.onmessage = (news) => {
			if (mine()) this.now = news;
		};
		const begin = async (): Promise<void> => {
			try {
				const found = await api.jobGet(jobId);
				if (!mine()) return;
				this.now = found.now;
				this.deployment = found.deployment;
				const { status } = found.now.job;
				if (status !== 'running' && status !== 'queued') return;
				const started = await api.jobFollow(jobId, channel);
				if (mine()) number = started;
				else void api.streamStop(started);
			} catch (error) {
				if (mine()) this.failure = refusedFrom(error);
			}
		};
		void begin();
		return () => {
			if (mine()) this.#turn += 1;
			if (number !== null) void api.streamStop(number);
		};
	}

	/** Asks for something and waits until it has come back. */
	async ask(what: string, act: () => Promise<ReceiptView>): Promise<CommandError | null> {
		this.asking = what;
		try {
			await desk.written(act());
			return null;
		} catch (error) {
			return refusedFrom(error);
		} finally {
			this.asking = '';
		}
	}
}

/** The log of a step, or of the whole job: the store keeps it, lines in sight are asked for. */
export class JobLog implements LogSource {
	readonly #jobId: string;
	readonly #step: number | null;
	readonly #total: () => number;

	/** `total` may look at state: the log then follows it. */
	constructor(jobId: string, step: number | null, total: () => number) {
		this.#jobId = jobId;
		this.#step = step;
		this.#total = total;
	}

	get total(): number {
		return this.#total();
	}

	async lines(from: number, count: number): Promise<LogLine[]> {
		const found = await api.jobLines(this.#jobId, this.#step, from, count);
		const gone = Math.min(count, Math.max(0, found.from - from));
		return [
			...Array.from({ length: gone }, () => ({ text: '(no longer kept)' })),
			...found.lines.map(({ text, at, is_error }): LogLine => ({
				text,
				at,
				tone: is_error ? 'err' : 'out'
			}))
		];
	}

	async search(
		text: string,
		from: number,
		direction: 'forward' | 'backward'
	): Promise<number | null> {
		return api.jobLineWith(this.#jobId, this.#step, text, from, direction === 'forward');
	}
}
