/** Does what concerns one thing one after the other: of two at once the older might come last. */
export class Turns {
	readonly #last: Record<string, Promise<unknown>> = {};

	/** Does something after everything that was to be done with the same thing before. */
	take<T>(thing: string, work: () => Promise<T>): Promise<T> {
		const before = this.#last[thing]?.catch(() => undefined) ?? Promise.resolve();
		const done = before.then(work);
		this.#last[thing] = done;
		return done;
	}

	/** Waits until everything is done that was to be done up to now. */
	async done(): Promise<void> {
		await Promise.allSettled(Object.values(this.#last));
	}
}
