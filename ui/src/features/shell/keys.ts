import type { Action } from '$models/actions.svelte';

/** How long the second key of two may take: also for a hand, or a machine, that is slow. */
const PATIENCE_MS = 2_000;

/** A pressed key in the words in which actions name theirs. */
export function named(event: KeyboardEvent): string {
	const mod = event.ctrlKey || event.metaKey;
	const key = event.key.length === 1 && mod ? event.key.toLowerCase() : event.key;
	const shift = event.shiftKey && (mod || event.altKey || event.key.length > 1);
	return `${mod ? 'mod+' : ''}${event.altKey ? 'alt+' : ''}${shift ? 'shift+' : ''}${key}`;
}

/** The keys as people see them. */
export function legend(keys: string, mac: boolean): string[] {
	const words: Record<string, string> = {
		mod: mac ? '⌘' : 'Ctrl',
		alt: mac ? '⌥' : 'Alt',
		shift: mac ? '⇧' : 'Shift',
		Escape: 'Esc',
		ArrowLeft: '←',
		ArrowRight: '→',
		ArrowUp: '↑',
		ArrowDown: '↓'
	};
	return keys
		.split(/[ +]/)
		.filter(Boolean)
		.map((key) => words[key] ?? (key.length === 1 ? key.toUpperCase() : key));
}

/** Makes actions of keys, also of two one after the other. */
export class KeyReader {
	#first = '';
	#at = 0;

	/** The action that this key completes. `writing`: letters are text now, only chords count. */
	read(event: KeyboardEvent, actions: Action[], writing: boolean, now: number): Action | null {
		const key = named(event);
		if (['Control', 'Shift', 'Alt', 'Meta'].includes(event.key)) return null;
		const chord = key.startsWith('mod+') || key.startsWith('alt+');
		if (writing && !chord) {
			this.#first = '';
			return null;
		}
		const both = now - this.#at <= PATIENCE_MS && this.#first ? `${this.#first} ${key}` : '';
		// The one offered last counts: it belongs to what lies on top.
		const wanting = (keys: string): Action | undefined =>
			actions.findLast((action) => action.keys === keys);
		const found = (both && wanting(both)) || wanting(key) || null;
		const begins = !found && actions.some(({ keys }) => keys?.startsWith(`${key} `));
		this.#first = begins ? key : '';
		this.#at = now;
		return found;
	}
}
