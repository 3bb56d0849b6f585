import { api, Channel, refusedFrom } from '$ipc';
import type { CommandError, ScreenBytes, TerminalEndView } from '$ipc';

/** What shows bytes: xterm, or a test. */
export interface Screen {
	write(bytes: Uint8Array, shown: () => void): void;
}

export interface Size {
	columns: number;
	rows: number;
}

/** Opens a shell somewhere; answers the number of the terminal. */
export type Opening = (
	size: Size,
	bytes: Channel<ScreenBytes>,
	end: Channel<TerminalEndView>
) => Promise<number>;

/** How often the engine is told at most, ms: it sends 64 KiB and waits then, so a flood leaves the page time. */
const TELL_EVERY = 16;

/** A terminal. What has not been shown yet holds the shell back. */
export class Session {
	phase = $state<'opening' | 'open' | 'ended' | 'failed'>('opening');
	failure = $state.raw<CommandError | null>(null);
	/** Exit status of the shell, once it ended. */
	status = $state<number | null>(null);
	readonly #screen: Screen;
	#number: number | null = null;
	#shown = 0;
	#told = 0;
	#telling = false;
	#end: TerminalEndView | null = null;
	#closed = false;
	#typed: Promise<unknown> = Promise.resolve();
	#size: Size;

	constructor(opening: Opening, screen: Screen, size: Size) {
		this.#screen = screen;
		this.#size = size;
		const bytes = new Channel<ScreenBytes>();
		bytes.onmessage = (piece) => this.#show(piece);
		const end = new Channel<TerminalEndView>();
		end.onmessage = (ended) => {
			this.#end = ended;
			this.#settle();
		};
		opening(size, bytes, end)
			.then((number) => {
				this.#number = number;
				if (this.#closed) void api.terminalClose(number);
				else if (this.phase === 'opening') this.phase = 'open';
				if (this.#size !== size) void api.terminalResize(number, this.#size);
				this.#tell();
			})
			.catch((error: unknown) => {
				this.failure = refusedFrom(error);
				this.phase = 'failed';
			});
	}

	/** Sends what was typed, in its order. */
	type(text: string): void {
		const number = this.#number;
		if (number === null || this.phase !== 'open') return;
		this.#typed = this.#typed.then(() => api.terminalWrite(number, text)).catch(() => undefined);
	}

	/** Tells the size of the screen. */
	resize(size: Size): void {
		if (size.columns === this.#size.columns && size.rows === this.#size.rows) return;
		this.#size = size;
		if (this.#number !== null) void api.terminalResize(this.#number, size);
	}

	/** Hangs up. */
	close(): void {
		this.#closed = true;
		if (this.#number !== null) void api.terminalClose(this.#number);
	}

	#show(piece: unknown): void {
		if (this.#closed) return;
		const bytes = piece instanceof ArrayBuffer ? new Uint8Array(piece) : new Uint8Array();
		this.#screen.write(bytes, () => {
			this.#shown += bytes.length;
			this.#tell();
			this.#settle();
		});
	}

	#tell(): void {
		if (this.#telling) return;
		this.#telling = true;
		setTimeout(() => {
			this.#telling = false;
			if (this.#number === null || this.#closed || this.#shown === this.#told) return;
			this.#told = this.#shown;
			void api.terminalAck(this.#number, this.#shown);
		}, TELL_EVERY);
	}

	/** The end may overtake the last bytes: it counts when they have been shown. */
	#settle(): void {
		if (!this.#end || this.#shown < this.#end.bytes || this.phase === 'ended') return;
		this.status = this.#end.status;
		this.failure = this.#end.failure;
		this.phase = 'ended';
		if (this.#number !== null) void api.terminalClose(this.#number);
	}
}
