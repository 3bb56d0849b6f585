import { expect, test } from 'vitest';
import { fit, ranked } from './fuzzy';

const name = (text: string): string => text;

test('letters have to come in their order', () => {
	expect(fit('dpl', 'Deploy')).not.toBeNull();
	expect(fit('lpd', 'Deploy')).toBeNull();
	expect(fit('', 'anything')).toBe(0);
});

test('the beginnings of words count more than letters inside', () => {
	expect(ranked('gs', ['Go to settings', 'Things'], name)[0]).toBe('Go to settings');
});

test('what was typed as a whole comes first', () => {
	expect(ranked('server', ['Set every river', 'Destroy server', 'Server web-1'], name)).toEqual([
		'Server web-1',
		'Destroy server',
		'Set every river'
	]);
});

test('with nothing typed the order stays, up to so many', () => {
	expect(ranked(' ', ['b', 'a', 'c'], name, 2)).toEqual(['b', 'a']);
});

test('a letter that begins a later word is no trap', () => {
	expect(fit('srv', 'serve rows')).not.toBeNull();
});
