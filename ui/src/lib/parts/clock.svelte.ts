import { createSubscriber } from 'svelte/reactivity';

const PULSE_MS = 15_000;

/** The time, moving on for whoever looks at it. */
class Clock {
	readonly #subscribe = createSubscriber((update) => {
		const timer = setInterval(update, PULSE_MS);
		return () => clearInterval(timer);
	});

	get now(): number {
		this.#subscribe();
		return Date.now();
	}
}

export const clock = new Clock();
