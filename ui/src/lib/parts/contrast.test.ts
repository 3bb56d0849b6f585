import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

type Colour = [number, number, number, number];
const css = readFileSync(join(import.meta.dirname, 'tokens.css'), 'utf8');

/** The tokens of a theme, by name. */
function tokens(theme: 'dark' | 'light'): Map<string, string> {
	const start = css.indexOf(`[data-theme='${theme}'] {`);
	const block = css.slice(start, css.indexOf('\n}', start));
	return new Map(
		[...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name = '', value = '']) => [name, value])
	);
}

function parsed(text: string): Colour {
	const hex = /^#([0-9a-f]{6})$/i.exec(text)?.[1];
	if (hex) {
		const part = (at: number): number => parseInt(hex.slice(at, at + 2), 16);
		return [part(0), part(2), part(4), 1];
	}
	const [red, green, blue, alpha] = [...text.matchAll(/[\d.]+/g)].map(Number);
	if (red === undefined || green === undefined || blue === undefined) throw new Error(text);
	return [red, green, blue, alpha === undefined ? 1 : alpha / 100];
}

function over(front: Colour, back: Colour): Colour {
	const mix = (i: 0 | 1 | 2): number => front[i] * front[3] + back[i] * (1 - front[3]);
	return [mix(0), mix(1), mix(2), 1];
}

function luminance([red, green, blue]: Colour): number {
	const linear = (value: number): number => {
		const part = value / 255;
		return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
	};
	return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function contrast(one: Colour, other: Colour): number {
	const [bright, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [
		number,
		number
	];
	return (bright + 0.05) / (dark + 0.05);
}

const grounds = ['ground', 'surface', 'raised', 'sunken'];
const texts = ['text', 'muted', 'faint', 'link', 'live', 'accent', 'good', 'warn', 'bad'];
const ansi = Array.from({ length: 8 }, (_, i) => `ansi-${i}`);
const pairs: [string, string][] = [
	...texts.flatMap((text) => grounds.map((ground): [string, string] => [text, ground])),
	...ansi.map((colour): [string, string] => [colour, 'sunken']),
	...['good', 'warn', 'bad', 'live', 'accent'].flatMap((tone): [string, string][] => [
		[tone, `${tone}-soft`],
		['text', `${tone}-soft`],
		['muted', `${tone}-soft`]
	]),
	// What the editor colours, where it is selected, found, or marked as a difference.
	...['text', 'muted', 'faint', 'link', 'live', 'accent', 'good', 'warn', 'bad'].flatMap((text) =>
		['accent-soft', 'quiet-soft', 'warn-soft', 'good-soft', 'bad-soft'].map(
			(back): [string, string] => [text, back]
		)
	),
	['on-primary', 'primary'],
	['on-primary', 'primary-to'],
	['on-primary', 'primary-hover'],
	['on-primary', 'primary-hover-to'],
	['on-primary', 'bad-fill'],
	['on-mark', 'mark']
];

test.each(['dark', 'light'] as const)('every text on its ground reaches AA in %s', (theme) => {
	const all = tokens(theme);
	const colour = (name: string): Colour => {
		const value = all.get(name);
		if (value === undefined) throw new Error(`${theme} has no --${name}`);
		return parsed(value);
	};
	const ground = colour('ground');
	const weak = pairs.flatMap(([text, back]) => {
		const plain = over(colour(back), ground);
		// What is pointed at has a veil over its ground.
		const grounds = ['ground', 'surface', 'raised', 'sunken'].includes(back)
			? [plain, over(colour('hover'), plain)]
			: [plain];
		const least = Math.min(...grounds.map((one) => contrast(colour(text), one)));
		return least < 4.5 ? [`--${text} on --${back}: ${least.toFixed(2)}`] : [];
	});
	expect(weak).toEqual([]);
});

test.each(['dark', 'light'] as const)('edges and marks of controls reach 3 to 1 in %s', (theme) => {
	const all = tokens(theme);
	const colour = (name: string): Colour => parsed(all.get(name) ?? '');
	const ground = colour('ground');
	const weak = ['edge', 'accent-strong', 'bad-strong'].flatMap((edge) =>
		['ground', 'surface', 'raised', 'sunken'].flatMap((back) => {
			const ratio = contrast(colour(edge), over(colour(back), ground));
			return ratio < 3 ? [`--${edge} on --${back}: ${ratio.toFixed(2)}`] : [];
		})
	);
	expect(weak).toEqual([]);
});

test('both themes name the same tokens', () => {
	expect([...tokens('light').keys()].sort()).toEqual([...tokens('dark').keys()].sort());
});
