/** Whether a dialog, a menu or a list of choices is open, which then takes the Escape key. */
export function overlaid(): boolean {
	return (
		document.querySelector(
			'[data-dialog-content],[data-dropdown-menu-content],[data-select-content],[role="dialog"][aria-modal="true"]'
		) !== null
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
