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
	{ name: 'keys', path: '/settings/theme', states: ['full'], then: [{ press: '?' }] }
];
