/** A line of a log. */
export interface LogLine {
	text: string;
	/** When it was written, RFC 3339. */
	at?: string;
	/** Lines of trouble are marked. */
	tone?: 'out' | 'err';
}

/** Where lines are asked for. `total` is read again and again: give it state. */
export interface LogSource {
	readonly total: number;
	lines(from: number, count: number): LogLine[] | Promise<LogLine[]>;
	/** The nearest line with the text, from a line on (that line included); null where there is none. */
	search(
		text: string,
		from: number,
		direction: 'forward' | 'backward'
	): number | null | Promise<number | null>;
}

/** A log that is in memory as a whole: a step's few lines. */
export class LinesInMemory implements LogSource {
	readonly #read: () => LogLine[];

	/** `read` may look at state: the log then follows it. */
	constructor(read: () => LogLine[]) {
		this.#read = read;
	}

	get total(): number {
		return this.#read().length;
	}

	lines(from: number, count: number): LogLine[] {
		return this.#read().slice(from, from + count);
	}

	search(text: string, from: number, direction: 'forward' | 'backward'): number | null {
		const lines = this.#read();
		const wanted = text.toLowerCase();
		const step = direction === 'forward' ? 1 : -1;
		for (let at = from; at >= 0 && at < lines.length; at += step) {
			if (lines[at]?.text.toLowerCase().includes(wanted)) return at;
		}
		return null;
	}
}
