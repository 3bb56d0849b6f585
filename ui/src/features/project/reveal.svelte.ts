import { SvelteMap } from 'svelte/reactivity';

/** How long a revealed secret stays on the screen, s. */
export const SHOWN_S = 30;

/** Secrets that somebody asked to see, each for a while. */
export class Revealed {
	readonly #shown = new SvelteMap<string, { value: string; left: number }>();
	#clock: ReturnType<typeof setInterval> | undefined;

	of(name: string): { value: string; left: number } | undefined {
		return this.#shown.get(name);
	}

	show(name: string, value: string): void {
		this.#shown.set(name, { value, left: SHOWN_S });
		this.#clock ??= setInterval(() => this.#tick(), 1_000);
	}

	hide(name: string): void {
		this.#shown.delete(name);
		if (this.#shown.size === 0) this.hideAll();
	}

	hideAll(): void {
		this.#shown.clear();
		clearInterval(this.#clock);
		this.#clock = undefined;
	}

	#tick(): void {
		for (const [name, { value, left }] of [...this.#shown]) {
			if (left <= 1) this.hide(name);
			else this.#shown.set(name, { value, left: left - 1 });
		}
	}
}
