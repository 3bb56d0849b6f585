import { expect, test } from 'vitest';
import { allow } from './dropping';

document.body.innerHTML = `
	<div id="tree" data-takes-files><span id="row"></span></div>
	<p id="words"></p>
	<div contenteditable><b id="typed"></b></div>`;

/** What is shown to whoever holds this over an element; the page's own answer is `default`. */
function over(id: string, types: string[]): string {
	const held = { types, dropEffect: 'default' };
	const event = Object.assign(new Event('dragover', { bubbles: true, cancelable: true }), {
		dataTransfer: held
	}) as unknown as DragEvent;
	window.addEventListener('dragover', allow, { once: true });
	document.getElementById(id)?.dispatchEvent(event);
	return event.defaultPrevented ? held.dropEffect : 'default';
}

test('files can be dropped where something takes them, by either of their names', () => {
	for (const type of ['Files', 'text/uri-list']) {
		expect(over('row', [type])).toBe('copy');
		expect(over('words', [type])).toBe('none');
		expect(over('typed', [type])).toBe('none');
	}
});

test('a text can be dropped where text is typed, and nowhere else', () => {
	expect(over('typed', ['text/plain'])).toBe('default');
	expect(over('row', ['text/plain'])).toBe('none');
	expect(over('words', ['text/plain'])).toBe('none');
});
