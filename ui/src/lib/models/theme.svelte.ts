import { MediaQuery } from 'svelte/reactivity';

export type ThemeChoice = 'system' | 'dark' | 'light';

const REMEMBERED = 'plimsoll.theme';
const REMEMBERED_MOTION = 'plimsoll.motion';

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

	/** Whether nothing shall move, whatever the system says. */
	still = $state(localStorage.getItem(REMEMBERED_MOTION) === 'reduced');

	/** Takes over what the engine keeps. */
	prefer(preferred: { theme: ThemeChoice; motion: 'system' | 'reduced' }): void {
		this.choose(preferred.theme);
		this.still = preferred.motion === 'reduced';
		localStorage.setItem(REMEMBERED_MOTION, preferred.motion);
	}

	choose(choice: ThemeChoice): void {
		this.choice = choice;
		localStorage.setItem(REMEMBERED, choice);
	}
}

export const theme = new Theme();
