/** Goes over every screen in both themes with axe; fails on anything serious: `axe.mjs [NAME]`. */
import axe from 'axe-core';
import { eachScreen, withPages } from './serve.mjs';

const [only] = process.argv.slice(2);
let looked = 0;
const trouble = [];
await withPages(async ({ browser, at }) => {
	await eachScreen({
		browser,
		at,
		size: { width: 1280, height: 800 },
		themes: ['dark', 'light'],
		only,
		look: async ({ name, theme, page }) => {
			await page.evaluate(axe.source);
			const { violations } = await page.evaluate(() =>
				globalThis.axe.run(document, {
					runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
				})
			);
			looked += 1;
			for (const { id, impact, help, nodes } of violations) {
				const serious = impact === 'serious' || impact === 'critical';
				const places = nodes.map(({ target, failureSummary }) => {
					const why = (failureSummary ?? '').split('\n').slice(1).join(' ').trim();
					return `    ${target.join(' ')}\n      ${why}`;
				});
				const line = `${name} ${theme}: ${impact} ${id}: ${help}\n${places.join('\n')}`;
				if (serious) trouble.push(line);
				else console.log(line);
			}
		}
	});
});
console.log(`${looked} screens looked at`);
for (const line of trouble) console.error(line);
if (trouble.length) process.exitCode = 1;
