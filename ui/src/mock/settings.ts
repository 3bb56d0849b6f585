/** What somebody prefers, and where everything is kept. */
import type { AuditEntryView, DataLocationView, LookView, OpenFormView, SettingsView } from '$ipc';
import { answer, asked, openForm, stated } from './answer';
import forms from './forms.json';

const theme = asked('theme');
let settings: SettingsView = {
	theme: theme === 'dark' || theme === 'light' ? theme : 'system',
	motion: 'system',
	editor: {
		font_size: 13,
		tab_width: 4,
		indent: 'tabs',
		wrap: false,
		line_numbers: true,
		close_brackets: true
	}
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
answer('settings_look', (args) => {
	settings = { ...settings, ...(args['look'] as LookView) };
	return null;
});
openForm('preferences', forms.preferences as OpenFormView);
answer('settings_save', () => null);
answer('settings_export', () => null);
answer('settings_import', () => ['blog']);
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

const act = (
	n: number,
	minutes: number,
	what: string,
	subject: string,
	details: Record<string, unknown>
): AuditEntryView => ({
	id: `0192f000-0000-7000-8000-0000000a0${String(n).padStart(3, '0')}`,
	at: new Date(Date.parse('2026-11-21T11:40:00.000Z') - minutes * 60_000).toISOString(),
	author: 'ada@laptop',
	act: what,
	subject,
	details: JSON.stringify(details)
});
const job = 'job:0192f000-0000-7000-8000-00000000d001';
const acts: AuditEntryView[] = [
	act(9, 4, 'plan.approve', job, { title: 'Deploy shop/production/web' }),
	act(8, 21, 'variable.reveal', 'service:0192f000-0000-7000-8000-00000000c001', {
		name: 'DATABASE_URL'
	}),
	act(7, 22, 'variable.set', 'service:0192f000-0000-7000-8000-00000000c001', {
		name: 'DATABASE_URL',
		secret: true
	}),
	act(6, 190, 'server.prune', 'server:0192f000-0000-7000-8000-00000000b001', {
		tags: ['shop-production-web:deploy_0192e001'],
		freed_bytes: 412_090_368
	}),
	act(5, 1_470, 'snapshot.delete', 'snapshot:181002', {
		account: 'digitalocean',
		name: 'web-1-before-upgrade-20261118-0912'
	}),
	act(4, 1_500, 'server.pin_host_key', 'server:0192f000-0000-7000-8000-00000000b001', {
		fingerprint: 'SHA256:4Jc0k2pQm0nV2bq9m3yX0h1uZ7cK2WlTtq8m1dYxg5E'
	}),
	act(3, 1_502, 'account.connect', 'account:cloudflare', { provider: 'cloudflare' })
];
stated(
	'audit_list',
	() => ({ entries: acts, next: '3' }),
	() => ({ entries: [], next: null })
);
answer('audit_verify', () =>
	asked('audit') === 'broken'
		? { entries: 214, broken: [acts[3]?.id ?? ''] }
		: { entries: 214, broken: [] }
);
