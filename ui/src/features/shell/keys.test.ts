import { expect, test } from 'vitest';
import type { Action } from '$models/actions.svelte';
import { KeyReader, legend, named } from './keys';

const act = (id: string, keys?: string): Action => ({
	id,
	title: id,
	group: 'Go',
	keys,
	run: () => undefined
});
const press = (key: string, held: KeyboardEventInit = {}): KeyboardEvent =>
	new KeyboardEvent('keydown', { key, ...held });
const all = [act('projects', 'g p'), act('servers', 'g s'), act('find', 'mod+k'), act('new', 'n')];

test('two keys one after the other make an action', () => {
	const reader = new KeyReader();
	expect(reader.read(press('g'), all, false, 0)).toBeNull();
	expect(reader.read(press('s'), all, false, 400)?.id).toBe('servers');
	expect(reader.read(press('s'), all, false, 500)).toBeNull();
});

test('the second key does not wait for ever', () => {
	const reader = new KeyReader();
	reader.read(press('g'), all, false, 0);
	expect(reader.read(press('p'), all, false, 2_500)).toBeNull();
});

test('letters are text while somebody writes, chords are not', () => {
	const reader = new KeyReader();
	expect(reader.read(press('n'), all, true, 0)).toBeNull();
	expect(reader.read(press('k', { ctrlKey: true }), all, true, 0)?.id).toBe('find');
	expect(reader.read(press('k', { metaKey: true }), all, true, 0)?.id).toBe('find');
});

test('of two with the same keys the one offered last is meant', () => {
	expect(new KeyReader().read(press('n'), [...all, act('newer', 'n')], false, 0)?.id).toBe('newer');
});

test('a held shift changes the key, not its name', () => {
	expect(named(press('?', { shiftKey: true }))).toBe('?');
	expect(named(press('K', { ctrlKey: true, shiftKey: true }))).toBe('mod+shift+k');
	expect(named(press('ArrowLeft', { altKey: true }))).toBe('alt+ArrowLeft');
});

test('keys are written as they stand on the keyboard', () => {
	expect(legend('mod+k', false)).toEqual(['Ctrl', 'K']);
	expect(legend('mod+k', true)).toEqual(['⌘', 'K']);
	expect(legend('g p', false)).toEqual(['G', 'P']);
});
