/** What somebody prefers, and where everything is kept. */
import type { DataLocationView, SettingsView } from '$ipc';
import { answer, asked, stated } from './answer';

const theme = asked('theme');
let settings: SettingsView = {
	theme: theme === 'dark' || theme === 'light' ? theme : 'system',
	motion: 'system'
};

const location: DataLocationView = {
	folder: '/home/ada/.local/share/plimsoll',
	bytes: 48_211_968,
	backups: [
		{
			path: '/home/ada/.local/share/plimsoll/backups/2026-11-21.db',
			made_at: '2026-11-21T06:00:00.000Z',
			bytes: 6_291_456
		},
		{
			path: '/home/ada/.local/share/plimsoll/backups/2026-11-20.db',
			made_at: '2026-11-20T06:00:00.000Z',
			bytes: 6_184_960
		}
	]
};

answer('settings_load', () => settings);
answer('settings_save', (args) => {
	settings = args['settings'] as SettingsView;
	return null;
});
stated(
	'data_location',
	() => location,
	() => ({ ...location, backups: [] })
);
answer('data_export', (args) => ({ path: args['path'], bytes: 7_340_032 }));
answer('data_restore', () => ({ before: '/home/ada/.local/share/plimsoll/before.sealed' }));
answer('diagnostics_save', (args) => ({ path: args['path'], bytes: 91_204 }));
answer('file_pick', () => null);
answer('file_place', () => '/home/ada/plimsoll-2026-11-21.sealed');
