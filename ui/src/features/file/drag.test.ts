import { afterEach, expect, test, vi } from 'vitest';
import { Drag, mayGo } from './drag.svelte';

const pointer = (kind: string, x: number, y: number): PointerEvent =>
	Object.assign(new MouseEvent(kind, { button: 0, clientX: x, clientY: y, bubbles: true }), {
		pointerType: 'mouse'
	}) as unknown as PointerEvent;

function lines(): { drag: Drag; move: ReturnType<typeof vi.fn> } {
	document.body.innerHTML = '<div data-folder="src" id="src"></div>';
	document.elementFromPoint = (_, y) => (y > 50 ? document.getElementById('src') : null);
	const move = vi.fn();
	return { drag: new Drag(move), move };
}

afterEach(() => window.dispatchEvent(pointer('pointercancel', 0, 0)));

test('what is let go over a folder goes into it', () => {
	const { drag, move } = lines();
	drag.press(pointer('pointerdown', 10, 10), 'a.txt');
	window.dispatchEvent(pointer('pointermove', 10, 60));
	expect([drag.path, drag.over]).toEqual(['a.txt', 'src']);
	window.dispatchEvent(pointer('pointerup', 10, 60));
	expect(move).toHaveBeenCalledExactlyOnceWith('a.txt', 'src');
	expect(drag.path).toBe(null);
});

test('a click, Escape, and letting go beside every folder move nothing', () => {
	const { drag, move } = lines();
	drag.press(pointer('pointerdown', 10, 60), 'a.txt');
	window.dispatchEvent(pointer('pointermove', 11, 61));
	window.dispatchEvent(pointer('pointerup', 11, 61));
	drag.press(pointer('pointerdown', 10, 10), 'a.txt');
	window.dispatchEvent(pointer('pointermove', 10, 60));
	window.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
	window.dispatchEvent(pointer('pointerup', 10, 60));
	drag.press(pointer('pointerdown', 10, 60), 'a.txt');
	window.dispatchEvent(pointer('pointermove', 10, 20));
	window.dispatchEvent(pointer('pointerup', 10, 20));
	expect(move).not.toHaveBeenCalled();
});

test('nothing goes where it is already, nor into itself', () => {
	expect(mayGo('src/a.txt', 'src')).toBe(false);
	expect(mayGo('src', 'src/deep')).toBe(false);
	expect(mayGo('src', 'src')).toBe(false);
	expect(mayGo('src/a.txt', '')).toBe(true);
	expect(mayGo('a.txt', 'src')).toBe(true);
});
