import { MediaQuery } from 'svelte/reactivity';

export type ThemeChoice = 'system' | 'dark' | 'light';

const REMEMBERED = 'plimsoll.theme';

function remembered(): ThemeChoice {
	const asked = new URLSearchParams(location.search).get('theme');
	const stored = asked ?? localStorage.getItem(REMEMBERED);
	return stored === 'dark' || stored === 'light' ? stored : 'system';
}

/** Dark or light: the person's choice, otherwise the system's. Kept here so that the first frame is right. */
class Theme {
	choice = $state<ThemeChoice>(remembered());
	readonly #light = new MediaQuery('(prefers-color-scheme: light)');
	/** What is shown. */
	readonly shown: 'dark' | 'light' = $derived(
		this.choice === 'system' ? (this.#light.current ? 'light' : 'dark') : this.choice
	);

	choose(choice: ThemeChoice): void {
		this.choice = choice;
		localStorage.setItem(REMEMBERED, choice);
	}
}

export const theme = new Theme();
