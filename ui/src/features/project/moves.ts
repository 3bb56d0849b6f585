import { getContext, setContext } from 'svelte';

/** What things on the canvas can ask of it. */
export interface Moves {
	open: (thing: string) => void;
	/** Goes on to the next thing in an arrow key's way. */
	step: (thing: string, key: string) => void;
}

const KEY = Symbol('canvas');

export const setMoves = (moves: Moves): Moves => setContext(KEY, moves);
export const getMoves = (): Moves => getContext<Moves>(KEY);
