import { api, type SettingsView } from '$ipc';
import { Asked } from './asked.svelte';
import { theme } from './theme.svelte';

/** What the people of this device prefer, as the engine keeps it. */
class Settings extends Asked<SettingsView> {
	constructor() {
		super(() => api.settingsLoad());
	}

	/** Loads them and lets the window look like it. */
	async open(): Promise<void> {
		await this.load();
		if (this.value) theme.prefer(this.value);
	}

	/** Keeps a change; the window shows it at once. */
	async change(changed: Partial<SettingsView>): Promise<void> {
		const now: SettingsView = {
			theme: theme.choice,
			motion: theme.still ? 'reduced' : 'system',
			...this.value,
			...changed
		};
		theme.prefer(now);
		await api.settingsSave(now);
		await this.load();
	}
}

export const settings = new Settings();
