import { expect, test } from 'vitest';
import { encoded, isText } from './text';

test('pages, styles and programs are written; pictures and fonts are not', () => {
	for (const path of ['index.html', 'a/b.css', 'x.MJS', 'icon.svg'])
		expect(isText(path)).toBe(true);
	for (const path of ['a.png', 'font.woff2', 'html', 'a.html.png'])
		expect(isText(path)).toBe(false);
});

test('a file travels byte for byte', async () => {
	expect(await encoded(new Blob([new Uint8Array([0, 255, 16])]))).toBe('AP8Q');
	expect(await encoded(new Blob([]))).toBe('');
});
