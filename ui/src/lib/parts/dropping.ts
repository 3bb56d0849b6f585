/** What may be dropped on the window: files where something takes them, texts where text is typed. */

/** Files of this machine, as web views name them; a link is named so, too, and never taken. */
const FILES = ['Files', 'text/uri-list'];

/** Says what may be dropped where the pointer is, before it is let go. */
export function allow(event: DragEvent): void {
	const { dataTransfer: held, target } = event;
	if (event.defaultPrevented || !held) return;
	const over = target instanceof Element ? target : null;
	const isFiles = held.types.some((type) => FILES.includes(type));
	if (!isFiles && over?.closest('input, textarea, [contenteditable]')) return;
	event.preventDefault();
	// Where nobody takes it, a web view would go to it.
	held.dropEffect = isFiles && over?.closest('[data-takes-files]') ? 'copy' : 'none';
}
