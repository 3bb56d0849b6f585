import { expect, test } from 'vitest';
import { read } from './messages';

const ours = { plimsoll: 'canvas', version: 1 };

test('what a preview tells is read', () => {
	expect(read({ ...ours, kind: 'console', level: 'warn', text: 'careful' })).toEqual({
		kind: 'console',
		level: 'warn',
		text: 'careful'
	});
	expect(read({ ...ours, kind: 'failed', address: 'a.png', why: '404' })).toEqual({
		kind: 'failed',
		address: 'a.png',
		why: '404'
	});
	expect(read({ ...ours, kind: 'painted', how: 'style' })).toEqual({
		kind: 'painted',
		how: 'style'
	});
});

test('nothing but what was asked for comes out of a message', () => {
	const told = read({ ...ours, kind: 'ready', path: 'index.html', title: 'x', extra: 'y' });
	expect(told).toEqual({ kind: 'ready', path: 'index.html', title: 'x' });
});

test('what is not one of our messages to its last field is nothing', () => {
	for (const message of [
		null,
		undefined,
		'console',
		42,
		[],
		{},
		{ kind: 'console', level: 'log', text: 'x' },
		{ ...ours, version: 2, kind: 'console', level: 'log', text: 'x' },
		{ ...ours, kind: 'invoke', command: 'project_create' },
		{ ...ours, kind: 'console', level: 'alert', text: 'x' },
		{ ...ours, kind: 'console', level: 'log', text: { toString: () => 'x' } },
		{ ...ours, kind: 'console', level: 'log', text: 'x'.repeat(5_000) },
		{ ...ours, kind: 'painted', how: 'constructor' },
		{ ...ours, kind: 'ready', path: 'x' },
		{ ...ours, kind: 'reloading', memory: 'x'.repeat(1_000_001) },
		{ ...ours, kind: '__proto__' }
	])
		expect(read(message)).toBeNull();
});
