import { folderOf, isWithin } from './tree.svelte';

/** How far the pointer moves before it is a drag and no click, px. */
const BEGINS = 5;

/** The folder under a place of the window; null where there is none. */
export function folderAt(x: number, y: number): string | null {
	const under = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-folder]');
	return under?.dataset['folder'] ?? null;
}

/** Whether something may be dropped into a folder: neither where it is, nor into itself. */
export const mayGo = (path: string, folder: string): boolean =>
	folderOf(path) !== folder && !isWithin(folder, path);

/** A line of the tree that is dragged with the pointer. F2 does the same from the keyboard. */
export class Drag {
	/** What is dragged; null before it moved, and after. */
	path = $state<string | null>(null);
	/** The folder that it would go into. */
	over = $state<string | null>(null);
	x = $state(0);
	y = $state(0);
	readonly #move: (path: string, folder: string) => void;

	/** Is told what is let go over which folder. */
	constructor(move: (path: string, folder: string) => void) {
		this.#move = move;
	}

	/** A line was pressed. */
	press(event: PointerEvent, path: string): void {
		// A finger that moves scrolls.
		if (event.button !== 0 || event.pointerType === 'touch') return;
		const from = { x: event.clientX, y: event.clientY };
		const ends = new AbortController();
		const { signal } = ends;
		const end = (): void => {
			ends.abort();
			this.#end();
		};
		const moved = (now: PointerEvent): void => {
			const far = Math.hypot(now.clientX - from.x, now.clientY - from.y);
			if (this.path === null && far < BEGINS) return;
			now.preventDefault();
			this.path = path;
			this.#go(now.clientX, now.clientY, folderAt(now.clientX, now.clientY));
		};
		const dropped = (): void => {
			const { over, path: dragged } = this;
			end();
			if (dragged === null) return;
			// Letting go is no click on the line.
			window.addEventListener('click', swallow, { capture: true, once: true });
			setTimeout(() => window.removeEventListener('click', swallow, { capture: true }));
			if (over !== null) this.#move(dragged, over);
		};
		window.addEventListener('pointermove', moved, { signal });
		window.addEventListener('pointerup', dropped, { signal });
		window.addEventListener('pointercancel', end, { signal });
		window.addEventListener('blur', end, { signal });
		window.addEventListener(
			'keydown',
			(key) => {
				if (key.key !== 'Escape' || this.path === null) return;
				key.preventDefault();
				key.stopPropagation();
				end();
			},
			{ signal, capture: true }
		);
	}

	#go(x: number, y: number, folder: string | null): void {
		this.x = x;
		this.y = y;
		this.over = folder !== null && this.path !== null && mayGo(this.path, folder) ? folder : null;
	}

	#end(): void {
		this.path = null;
		this.over = null;
	}
}

function swallow(event: Event): void {
	event.stopPropagation();
	event.preventDefault();
}
