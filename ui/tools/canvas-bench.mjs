// Measures how long a save takes until it is painted: in a canvas that `plimsoll canvas serve` shows,
// and in the same page from a development server, in one browser, taking turns.
// Prints one JSON object: {style: {ours: [ms…], vite: […]}, page: {ours, vite}}.
//
//   node tools/canvas-bench.mjs PLIMSOLL [ROUNDS]
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { createServer } from 'vite';

const [plimsoll, rounds = '30'] = process.argv.slice(2);
if (!plimsoll) throw new Error('which plimsoll?');

const style = (edition) =>
	`:root { --edition: ${edition} }\nbody { font: 16px/1.5 sans-serif }\nli:nth-child(odd) { color: #334155 }\n`;
const page = (edition) =>
	`<!doctype html>
<html lang="en">
	<head><meta charset="utf-8"><title>Bench</title><link rel="stylesheet" href="style.css"></head>
	<body>
		<h1 data-edition="${edition}">Edition ${edition}</h1>
		<ul>${Array.from({ length: 200 }, (_, n) => `\n\t\t\t<li>Line ${n} of a page</li>`).join('')}
		</ul>
	</body>
</html>
`;

const folder = await mkdtemp(join(tmpdir(), 'plimsoll-bench-canvas-'));
const home = join(folder, 'home');
const ours = join(folder, 'project', '.canvas');
const theirs = join(folder, 'vite');
const environment = {
	...process.env,
	PLIMSOLL_HOME: home,
	PLIMSOLL_PASSPHRASE: 'only for the benchmark'
};
const ends = [() => rm(folder, { recursive: true, force: true })];

async function serveOurs() {
	const project = join(folder, 'project');
	const create = ['project', 'create', 'bench', '--folder', project];
	await promisify(execFile)(plimsoll, create, { env: environment });
	const server = spawn(plimsoll, ['canvas', 'serve', '--project', 'bench'], {
		env: environment,
		stdio: ['ignore', 'pipe', 'inherit']
	});
	ends.push(() => server.kill('SIGINT'));
	for await (const line of createInterface(server.stdout)) {
		const url = /http:\/\/\S+/.exec(line)?.[0];
		if (url) return url;
	}
	throw new Error('the canvas is not served');
}

async function serveTheirs() {
	const server = await createServer({
		root: theirs,
		configFile: false,
		logLevel: 'error',
		server: { host: '127.0.0.1', port: 0 }
	});
	ends.push(() => server.close());
	await server.listen();
	return server.resolvedUrls.local[0];
}

/** When the page was painted with an edition, on the clock of the machine: a frame after it was there. */
const painted = (frame, what, edition) =>
	frame.evaluate(
		([kind, wanted]) =>
			new Promise((done) => {
				const shown = () =>
					kind === 'style'
						? getComputedStyle(document.documentElement).getPropertyValue('--edition').trim()
						: document.querySelector('h1')?.dataset.edition;
				const look = () =>
					requestAnimationFrame(() => {
						if (shown() !== wanted) return look();
						requestAnimationFrame(() => done(performance.timeOrigin + performance.now()));
					});
				look();
			}),
		[what, String(edition)]
	);

try {
	for (const root of [ours, theirs]) {
		await mkdir(root, { recursive: true });
		await writeFile(join(root, 'style.css'), style(0));
		await writeFile(join(root, 'index.html'), page(0));
	}
	const [oursAt, theirsAt] = [await serveOurs(), await serveTheirs()];
	const browser = await chromium.launch({
		executablePath: '/usr/bin/chromium',
		args: ['--no-sandbox']
	});
	ends.push(() => browser.close());
	const open = async (url) => {
		const opened = await (await browser.newContext()).newPage();
		await opened.goto(url);
		return opened;
	};
	const sides = {
		ours: { root: ours, page: await open(oursAt) },
		vite: { root: theirs, page: await open(theirsAt) }
	};
	const inside = ({ page }) => page.frames().at(-1);
	await Promise.all(Object.values(sides).map((side) => painted(inside(side), 'style', 0)));
	// Both have settled: what they do at first is not what is measured.
	await new Promise((settled) => setTimeout(settled, 1_000));

	const taken = { style: { ours: [], vite: [] }, page: { ours: [], vite: [] } };
	let edition = 0;
	for (let round = 0; round < Number(rounds); round += 1) {
		for (const what of ['style', 'page']) {
			edition += 1;
			for (const [name, side] of Object.entries(sides)) {
				await side.page.bringToFront();
				const file = what === 'style' ? 'style.css' : 'index.html';
				const text = what === 'style' ? style(edition) : page(edition);
				// A development server loads a changed page anew, so the frame is asked again and again.
				const seen = (async () => {
					for (;;) {
						try {
							return await painted(inside(side), what, edition);
						} catch (error) {
							if (!/context|navigat|detached/i.test(String(error))) throw error;
						}
					}
				})();
				await new Promise((quiet) => setTimeout(quiet, 60));
				const began = performance.timeOrigin + performance.now();
				await writeFile(join(side.root, file), text);
				taken[what][name].push((await seen) - began);
			}
		}
	}
	console.log(JSON.stringify(taken));
} finally {
	for (const end of ends.reverse()) await end();
}
