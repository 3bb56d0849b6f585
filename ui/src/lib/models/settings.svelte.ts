import { api, type LookView, type SettingsView } from '$ipc';
import { Asked } from './asked.svelte';
import { theme } from './theme.svelte';
import { Turns } from './turns';

/** What the people of this device prefer, as the engine keeps it. */
class Settings extends Asked<SettingsView> {
	readonly #turns = new Turns();

	constructor() {
		super(() => api.settingsLoad());
	}

	/** How editors look and write; their own usual way until it is known. */
	readonly editor = $derived.by(() => {
		const chosen = this.value?.editor;
		if (!chosen) return undefined;
		return {
			fontSize: chosen.font_size,
			tabWidth: chosen.tab_width,
			indent: chosen.indent,
			wrap: chosen.wrap,
			lineNumbers: chosen.line_numbers,
			closeBrackets: chosen.close_brackets
		};
	});

	/** Loads them and lets the window look like it. */
	async open(): Promise<void> {
		await this.load();
		if (this.value) theme.prefer(this.value);
	}

	/** Keeps how the window looks; it shows it at once. */
	async change(changed: Partial<LookView>): Promise<void> {
		const now: LookView = {
			theme: theme.choice,
			motion: theme.still ? 'reduced' : 'system',
			...changed
		};
		theme.prefer(now);
		await this.#turns.take('look', () => api.settingsLook(now));
		await this.load();
	}

	/** Keeps what was typed into the form of preferences; open editors show it at once. */
	async save(values: Record<string, string>): Promise<void> {
		await api.settingsSave(values);
		await this.load();
	}
}

export const settings = new Settings();
