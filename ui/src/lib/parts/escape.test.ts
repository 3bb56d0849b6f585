import { afterEach, expect, test } from 'vitest';
import { overlaid } from './escape';

afterEach(() => document.body.replaceChildren());

test('what is open lies over the page; what was closed and is still there does not', () => {
	expect(overlaid()).toBe(false);
	document.body.innerHTML = '<div data-dialog-content data-state="open"></div>';
	expect(overlaid()).toBe(true);
	document.body.innerHTML = '<div data-dialog-content data-state="closed"></div>';
	expect(overlaid()).toBe(false);
	document.body.innerHTML = '<div role="dialog" aria-modal="true"></div>';
	expect(overlaid()).toBe(true);
});
