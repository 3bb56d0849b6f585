/** The screens of which pictures are taken and which are gone over for accessibility. */

export interface Screen {
	/** Name in the picture's file name. */
	name: string;
	/** Where it is. */
	path: string;
	/** The states in which it is seen. */
	states: ('full' | 'empty' | 'loading' | 'error')[];
	/** Further questions in the address: `desk=opening`. */
	ask?: string;
	/** Keys pressed and names of buttons clicked before the picture, one after the other. */
	then?: ({ press: string } | { click: string; twice?: boolean })[];
}

export const screens: Screen[] = [
	{ name: 'opening', path: '/projects', states: ['full'], ask: 'desk=opening' },
	{ name: 'failed', path: '/projects', states: ['full'], ask: 'desk=failed' },
	{ name: 'palette', path: '/settings/theme', states: ['full'], then: [{ press: 'Control+k' }] },
	{ name: 'keys', path: '/settings/theme', states: ['full'], then: [{ press: '?' }] },
	{ name: 'welcome', path: '/welcome', states: ['full', 'loading', 'error'] },
	{
		name: 'welcome-visit',
		path: '/welcome',
		states: ['full'],
		ask: 'tour=visit',
		then: [{ click: 'Look at the site' }]
	},
	{ name: 'welcome-refused', path: '/welcome', states: ['full'], ask: 'tour=refused' },
	{ name: 'welcome-finished', path: '/welcome', states: ['full'], ask: 'tour=finished' },
	{
		name: 'welcome-no-docker',
		path: '/welcome',
		states: ['full'],
		then: [{ click: 'Start the practice cloud' }]
	},
	{ name: 'domains', path: '/domains', states: ['full', 'empty', 'loading', 'error'] },
	{ name: 'domains-check', path: '/domains', states: ['full'], then: [{ click: 'Check' }] },
	{ name: 'domains-add', path: '/domains?add=name', states: ['full', 'loading', 'error'] },
	{
		name: 'domains-refused',
		path: '/domains?add=elsewhere.net',
		states: ['full'],
		then: [{ click: 'Plan it' }]
	},
	{ name: 'accounts', path: '/settings/accounts', states: ['full', 'empty'] },
	{
		name: 'accounts-test',
		path: '/settings/accounts',
		states: ['full', 'error'],
		ask: 'token=narrow',
		then: [{ click: 'Test' }]
	},
	{ name: 'accounts-connect', path: '/settings/accounts?connect=digitalocean', states: ['full'] },
	{
		name: 'accounts-refused',
		path: '/settings/accounts?connect=digitalocean',
		states: ['full'],
		ask: 'token=refused',
		then: [{ click: 'Try it and connect' }]
	},
	{
		name: 'accounts-connected',
		path: '/settings/accounts?connect=digitalocean',
		states: ['full'],
		ask: 'token=narrow',
		then: [{ click: 'Try it and connect' }]
	},
	{ name: 'ssh-keys', path: '/settings/keys', states: ['full', 'empty'] },
	{ name: 'theme', path: '/settings/theme', states: ['full'] },
	{ name: 'shortcuts', path: '/settings/shortcuts', states: ['full'] },
	{ name: 'data', path: '/settings/data', states: ['full', 'loading', 'error'] },
	{ name: 'diagnostics', path: '/settings/diagnostics', states: ['full'] }
];
