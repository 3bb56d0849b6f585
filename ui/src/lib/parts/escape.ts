const OVERLAYS =
	'[data-dialog-content],[data-dropdown-menu-content],[data-select-content],[role="dialog"][aria-modal="true"]';

/**
 * Whether a dialog, a menu or a list of choices is open, which then takes the keys. One that is
 * closed stays in the page for a moment, and takes none.
 */
export function overlaid(): boolean {
	return [...document.querySelectorAll(OVERLAYS)].some(
		(overlay) => overlay.getAttribute('data-state') !== 'closed'
	);
}

/** Whether what has the focus takes letters: keys are text there, not commands. */
export function writing(target: EventTarget | null): boolean {
	if (!(target instanceof HTMLElement)) return false;
	if (target.isContentEditable || target.closest('[data-keys="own"]')) return true;
	if (target instanceof HTMLInputElement) {
		return !['checkbox', 'radio', 'button', 'submit', 'range'].includes(target.type);
	}
	return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}
