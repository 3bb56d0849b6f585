import { expect, test } from 'vitest';
import { plain, stretches } from './ansi';

const ESC = String.fromCharCode(27);

test('colours become stretches and end where they are told to', () => {
	expect(stretches(`a ${ESC}[31mred ${ESC}[1mbold${ESC}[0m end`)).toEqual([
		{ text: 'a ' },
		{ text: 'red ', colour: 1 },
		{ text: 'bold', colour: 1, bold: true },
		{ text: ' end' }
	]);
	expect(stretches(`${ESC}[92mbright${ESC}[39m`)).toEqual([{ text: 'bright', colour: 2 }]);
});

test('colours of more than eight do not swallow what follows them', () => {
	expect(stretches(`${ESC}[38;5;196;1mx`)).toEqual([{ text: 'x', bold: true }]);
	expect(stretches(`${ESC}[38;2;1;2;3;32mx`)).toEqual([{ text: 'x', colour: 2 }]);
});

test('orders to a terminal are left out, also unfinished ones', () => {
	expect(plain(`${ESC}[2K${ESC}[1Gdone${ESC}]0;title\u0007 ok\r`)).toBe('done ok');
	expect(plain(`tail ${ESC}[`)).toBe('tail [');
	expect(plain('bell\u0007 back\b')).toBe('bell back');
});

test('markup stays text', () => {
	expect(stretches('<img src=x onerror=alert(1)>')).toEqual([
		{ text: '<img src=x onerror=alert(1)>' }
	]);
});
