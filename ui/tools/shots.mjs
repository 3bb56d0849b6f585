/** Writes a picture of every screen in every state, both themes, both sizes: `shots.mjs FOLDER [NAME]`. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { eachScreen, withPages } from './serve.mjs';

const [folder = '../target/shots', only] = process.argv.slice(2);
const SIZES = [
	{ width: 1280, height: 800 },
	{ width: 1024, height: 700 }
];

await mkdir(folder, { recursive: true });
let pictures = 0;
const trouble = [];
await withPages(async ({ browser, at }) => {
	for (const size of SIZES) {
		await eachScreen({
			browser,
			at,
			size,
			themes: ['dark', 'light'],
			only,
			look: async ({ name, theme, page, problems }) => {
				const file = `${name}-${theme}-${size.width}x${size.height}.png`;
				await page.screenshot({ path: path.join(folder, file) });
				pictures += 1;
				const wide = await page.evaluate(
					() => document.documentElement.scrollWidth > document.documentElement.clientWidth
				);
				if (wide) problems.push('is wider than the window');
				trouble.push(...problems.map((problem) => `${file}: ${problem}`));
			}
		});
	}
});
console.log(`${pictures} pictures in ${path.resolve(folder)}`);
for (const line of trouble) console.error(line);
if (trouble.length) process.exitCode = 1;
