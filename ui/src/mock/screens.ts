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
	{ name: 'locked', path: '/projects', states: ['full'], ask: 'desk=locked' },
	{
		name: 'locked-choosing',
		path: '/projects',
		states: ['full'],
		ask: 'desk=missing',
		then: [{ click: 'Use a vault with a passphrase' }]
	},
	{ name: 'vault', path: '/projects', states: ['full'], ask: 'desk=vault' },
	{ name: 'notices', path: '/servers', states: ['full'], ask: 'desk=notices' },
	{ name: 'closing', path: '/servers', states: ['full'], ask: 'desk=closing' },
	{ name: 'closing-runs', path: '/servers', states: ['full'], ask: 'desk=closing-runs' },
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
	{ name: 'editor-settings', path: '/settings/editor', states: ['full', 'loading'] },
	{ name: 'audit', path: '/settings/audit', states: ['full', 'empty', 'loading', 'error'] },
	{
		name: 'audit-broken',
		path: '/settings/audit',
		states: ['full'],
		ask: 'audit=broken',
		then: [{ click: 'Check the log' }]
	},
	{ name: 'ssh-keys', path: '/settings/keys', states: ['full', 'empty'] },
	{ name: 'theme', path: '/settings/theme', states: ['full'] },
	{ name: 'shortcuts', path: '/settings/shortcuts', states: ['full'] },
	{ name: 'data', path: '/settings/data', states: ['full', 'loading', 'error'] },
	{ name: 'diagnostics', path: '/settings/diagnostics', states: ['full'] },
	{ name: 'updates', path: '/settings/updates', states: ['full', 'empty', 'loading'] },
	{
		name: 'updates-refused',
		path: '/settings/updates',
		states: ['full'],
		then: [{ click: 'Install and restart' }]
	},
	{ name: 'projects', path: '/projects', states: ['full', 'empty', 'loading', 'error'] },
	{
		name: 'project-new',
		path: '/projects',
		states: ['full'],
		then: [{ click: 'New project' }]
	},
	{
		name: 'canvas',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/canvas',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'canvas-none',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/canvas',
		states: ['full'],
		ask: 'canvas=none'
	},
	{
		name: 'canvas-homeless',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/canvas',
		states: ['full'],
		ask: 'canvas=homeless'
	},
	{
		name: 'canvas-requests',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/canvas?below=requests',
		states: ['full']
	},
	{
		name: 'canvas-files',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/canvas?below=files&canvas=landing',
		states: ['full']
	},
	{
		name: 'canvas-hosts',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/canvas',
		states: ['full'],
		then: [{ click: 'Hosts: 1' }, { click: 'Allow these hosts' }]
	},
	{
		name: 'canvas-publish',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/canvas',
		states: ['full'],
		then: [{ click: 'Publish' }]
	},
	{
		name: 'services',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001',
		states: ['full', 'empty', 'loading', 'error']
	},
	{
		name: 'services-first-environment',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0002',
		states: ['full']
	},
	{
		name: 'files',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?file=server.js',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'files-no-folder',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files',
		states: ['full'],
		ask: 'file=no-folder'
	},
	{
		name: 'files-nothing-open',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files',
		states: ['full'],
		then: [{ click: 'public' }, { click: 'node_modules' }]
	},
	{
		name: 'files-empty-folder',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files',
		states: ['full'],
		ask: 'file=none'
	},
	{
		name: 'files-unsaved',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?file=server.js',
		states: ['full'],
		ask: 'file=unsaved',
		then: [{ click: 'README.md' }, { click: 'server.js , not saved' }]
	},
	{
		name: 'files-conflict',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?file=server.js',
		states: ['full'],
		ask: 'file=conflict'
	},
	{
		name: 'files-removed',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?file=server.js',
		states: ['full'],
		ask: 'file=removed'
	},
	{
		name: 'files-image',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?file=public/logo.png',
		states: ['full']
	},
	{
		name: 'files-too-large',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?file=public/tour.mp4',
		states: ['full']
	},
	{
		name: 'files-search',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?side=search&file=server.js',
		states: ['full'],
		then: [{ press: 'o' }, { press: 'r' }, { press: 'd' }, { click: 'Replace, too' }]
	},
	{
		name: 'files-bin',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?side=bin&file=public/shop.css',
		states: ['full']
	},
	{
		name: 'files-new',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?file=Dockerfile',
		states: ['full'],
		then: [{ click: 'New file' }]
	},
	{
		name: 'files-find',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/files?file=public/shop.css',
		states: ['full'],
		then: [{ click: 'Search in this file' }]
	},
	{
		name: 'service-new',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001',
		states: ['full'],
		then: [{ click: 'New service' }]
	},
	{
		name: 'service',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001?service=0193a5c2-0000-7000-8000-00000000c001',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'service-nothing-to-deploy',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001?service=0193a5c2-0000-7000-8000-00000000c001',
		states: ['full'],
		ask: 'plan=nothing',
		then: [{ click: 'Deploy' }]
	},
	{
		name: 'service-deployments',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001?service=0193a5c2-0000-7000-8000-00000000c001&tab=deployments',
		states: ['full']
	},
	{
		name: 'service-variables',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001?service=0193a5c2-0000-7000-8000-00000000c001&tab=variables',
		states: ['full']
	},
	{
		name: 'service-variables-import',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001?service=0193a5c2-0000-7000-8000-00000000c001&tab=variables',
		states: ['full'],
		then: [{ click: 'Paste .env…' }]
	},
	{
		name: 'service-domains',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001?service=0193a5c2-0000-7000-8000-00000000c001&tab=domains',
		states: ['full']
	},
	{
		name: 'service-logs',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001?service=0193a5c2-0000-7000-8000-00000000c001&tab=logs',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'service-settings',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001?service=0193a5c2-0000-7000-8000-00000000c001&tab=settings',
		states: ['full'],
		ask: 'draft=yes'
	},
	{
		name: 'versions',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/versions',
		states: ['full', 'empty', 'loading', 'error']
	},
	{
		name: 'versions-text',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/versions?path=src/prices.ts',
		states: ['full']
	},
	{
		name: 'versions-picture',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/versions?path=public/logo.png',
		states: ['full']
	},
	{
		name: 'versions-files',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/versions?version=231&tab=files&path=README.md',
		states: ['full']
	},
	{
		name: 'versions-save-refused',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/versions',
		states: ['full'],
		ask: 'save=refused',
		then: [{ click: 'Save a version' }, { click: 'Save' }]
	},
	{
		name: 'versions-saving',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/versions',
		states: ['full'],
		ask: 'save=slow',
		then: [{ click: 'Save a version' }, { click: 'Save' }]
	},
	{
		name: 'versions-saved-foreign',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/versions',
		states: ['full'],
		ask: 'save=foreign',
		then: [{ click: 'Save a version' }, { click: 'Save' }]
	},
	{
		name: 'versions-restore',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/versions?version=231',
		states: ['full'],
		then: [{ click: 'Restore…' }]
	},
	{
		name: 'versions-deploy',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/versions?version=231',
		states: ['full'],
		then: [{ click: 'Deploy…' }]
	},
	{ name: 'servers', path: '/servers', states: ['full', 'empty', 'loading', 'error'] },
	{
		name: 'servers-provision',
		path: '/servers?add=provision',
		states: ['full', 'loading', 'error']
	},
	{ name: 'servers-add', path: '/servers?add=ssh', states: ['full'] },
	{
		name: 'servers-host-key',
		path: '/servers?add=ssh',
		states: ['full'],
		then: [{ click: 'Ask for its host key' }]
	},
	{
		name: 'server',
		path: '/servers/0193a5c2-0000-7000-8000-00000000c001',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'server-shut-out',
		path: '/servers/0193a5c2-0000-7000-8000-00000000c003',
		states: ['full']
	},
	{
		name: 'server-destroy',
		path: '/servers/0193a5c2-0000-7000-8000-00000000c001',
		states: ['full'],
		then: [{ click: 'More for web-1' }, { press: 'End' }, { press: 'Enter' }]
	},
	{
		name: 'server-containers',
		path: '/servers/0193a5c2-0000-7000-8000-00000000c001?tab=containers',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'server-images',
		path: '/servers/0193a5c2-0000-7000-8000-00000000c001?tab=images',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'server-snapshots',
		path: '/servers/0193a5c2-0000-7000-8000-00000000c001?tab=snapshots',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'server-terminal',
		path: '/servers/0193a5c2-0000-7000-8000-00000000c001?tab=terminal',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'server-logs',
		path: '/servers/0193a5c2-0000-7000-8000-00000000c001?tab=logs',
		states: ['full', 'error']
	},
	{
		name: 'plan',
		path: '/plans/0193a5c2-0000-7000-8000-00000000b001',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'plan-outdated',
		path: '/plans/0193a5c2-0000-7000-8000-00000000b001',
		states: ['full'],
		ask: 'plan=outdated',
		then: [{ click: 'Approve' }]
	},
	{
		name: 'job-running',
		path: '/jobs/0193a5c2-0000-7000-8000-00000000a001',
		states: ['full', 'loading', 'error']
	},
	{ name: 'job-failed', path: '/jobs/0193a5c2-0000-7000-8000-00000000a002', states: ['full'] },
	{ name: 'job-interrupted', path: '/jobs/0193a5c2-0000-7000-8000-00000000a003', states: ['full'] },
	{ name: 'interrupted', path: '/deployments', states: ['full'], ask: 'job=interrupted' },
	{ name: 'job-waiting', path: '/jobs/0193a5c2-0000-7000-8000-00000000a004', states: ['full'] },
	{ name: 'deployments', path: '/deployments', states: ['full', 'empty', 'loading', 'error'] },
	{ name: 'deployments-none', path: '/deployments?text=zzz', states: ['full'] },
	{
		name: 'deployments-compare',
		path: '/deployments?compare=0193a5c3-2700-7000-8000-00000000d002.0193a5c3-2704-7000-8000-00000000d002',
		states: ['full']
	},
	{
		name: 'deployment',
		path: '/deployments/0193a5c3-26fc-7000-8000-00000000d001',
		states: ['full', 'loading', 'error']
	},
	{
		name: 'run',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run',
		states: ['full', 'empty', 'loading', 'error']
	},
	{
		name: 'run-none',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run',
		states: ['full'],
		ask: 'runs=none'
	},
	{
		name: 'run-starting',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run',
		states: ['full'],
		ask: 'runs=starting'
	},
	{
		name: 'run-failing',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run',
		states: ['full'],
		ask: 'runs=failing'
	},
	{
		name: 'run-elsewhere',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run',
		states: ['full'],
		ask: 'runs=elsewhere'
	},
	{
		name: 'run-terminal',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run',
		states: ['full'],
		then: [{ click: 'Terminal' }]
	},
	{
		name: 'run-ended',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run?service=0193a5c2-0000-7000-8000-0000000c0003',
		states: ['full']
	},
	{
		name: 'run-database',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run?service=database',
		states: ['full']
	},
	{
		name: 'run-left',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run',
		states: ['full'],
		ask: 'runs=left'
	},
	{ name: 'projects-left', path: '/projects', states: ['full'], ask: 'runs=left' },
	{
		name: 'run-settings',
		path: '/projects/0193a5c2-0000-7000-8000-0000000f0001/run',
		states: ['full'],
		then: [{ click: 'Database and limits' }]
	}
];
