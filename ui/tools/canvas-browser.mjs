// A canvas in a real browser, as `plimsoll canvas serve` shows it: what a hostile page reaches, and
// what a repaint keeps. Ends with an error on the first thing that is not as it should be.
//
//   node tools/canvas-browser.mjs PLIMSOLL
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const [plimsoll] = process.argv.slice(2);
if (!plimsoll) throw new Error('which plimsoll?');
const attack = new URL('../../src-tauri/tests/window/attack.js', import.meta.url);

const folder = await mkdtemp(join(tmpdir(), 'plimsoll-canvas-'));
const environment = {
	...process.env,
	PLIMSOLL_HOME: join(folder, 'home'),
	PLIMSOLL_PASSPHRASE: 'only for the test'
};
const ends = [() => rm(folder, { recursive: true, force: true })];

/** A project with a canvas of these files; answers its folder. */
async function project(name, files) {
	const root = join(folder, name);
	const create = ['project', 'create', name, '--folder', root];
	await promisify(execFile)(plimsoll, create, { env: environment });
	await mkdir(join(root, '.canvas'));
	for (const [path, text] of Object.entries(files))
		await writeFile(join(root, '.canvas', path), text);
	return root;
}

async function serve(name) {
	const server = spawn(plimsoll, ['canvas', 'serve', '--project', name], {
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

async function until(what, holds) {
	const end = Date.now() + 20_000;
	for (;;) {
		const now = await holds();
		if (now) return now;
		assert(Date.now() < end, `not within 20 s: ${what}`);
		await new Promise((soon) => setTimeout(soon, 50));
	}
}

/** A page of somebody's tries everything; only its own files come. */
async function walls(browser) {
	const asked = [];
	const foreign = createServer((socket) => {
		socket.once('data', (data) => {
			asked.push(String(data).split('\r\n')[0]);
			socket.destroy();
		});
		socket.on('error', () => socket.destroy());
	});
	await new Promise((listening) => foreign.listen(0, '127.0.0.1', listening));
	ends.push(() => foreign.close());
	const address = `http://127.0.0.1:${foreign.address().port}/`;
	const root = await project('hostile', {
		'index.html': `<!doctype html><p>The canvas itself</p><script data-foreign="${address}" src="attack.js"></script>`,
		'attack.js': await readFile(attack, 'utf8'),
		'own.json': '{"own": true}',
		'own.mjs': 'export const own = true;'
	});
	await writeFile(join(root, 'secret.txt'), 'SECRET');
	await symlink('../secret.txt', join(root, '.canvas', 'link.txt'));
	const url = await serve('hostile');
	const context = await browser.newContext();
	const view = await context.newPage();
	await view.addInitScript(() => {
		window.told = {};
		window.addEventListener('message', ({ data }) => {
			if (data?.attack) window.told[data.attack] = data.outcome;
		});
	});
	await view.goto(url);
	await until('everything was tried', () => view.evaluate(() => window.told['everything tried']));
	await new Promise((settled) => setTimeout(settled, 1_000));
	const told = await view.evaluate(() => window.told);
	assert.deepEqual(told['own data'], { own: true });
	assert.equal(told['own module'], true);
	const outcomes = {
		'parent document': 'SecurityError',
		'top address': 'SecurityError',
		storage: 'SecurityError',
		origin: 'null',
		'new window': 'none',
		'foreign by fetch': 'refused',
		'foreign by image': 'refused',
		'encoded way up': 403,
		'encoded slash': 403,
		'link out': 403,
		'hidden file': 403,
		'plain way up': 'refused'
	};
	for (const [name, outcome] of Object.entries(outcomes))
		assert.deepEqual(told[name], outcome, name);
	assert.deepEqual(asked, [], 'the foreign host was asked');
	assert.equal(view.url(), url);
	assert.equal(context.pages().length, 1);
	assert(!JSON.stringify(told).includes('SECRET'));
	await context.close();
}

/** A save is seen at once; scroll, fields and what a program holds stay where they can. */
async function repaints(browser) {
	const page = (words, more = '') =>
		`<!doctype html><html lang="en"><head><title>Shop</title><link rel="stylesheet" href="a.css"></head>
		<body><h1>${words}</h1><form><input id="field"><input type="checkbox" name="box"></form>
		<ul id="list"></ul><p>One</p><div style="height: 3000px"></div>${more}
		<script>const item = document.createElement('li'); item.textContent = 'by program';
		document.getElementById('list').append(item); window.began = (window.began ?? 0) + 1;</script></body></html>`;
	const root = await project('shop', {
		'index.html': page('First'),
		'a.css': '@import "b.css"; h1 { color: rgb(1, 1, 1) }',
		'b.css': 'p { color: rgb(1, 1, 1) }',
		'c.json': '1'
	});
	const save = (path, text) => writeFile(join(root, '.canvas', path), text);
	const view = await (await browser.newContext()).newPage();
	const problems = [];
	view.on('pageerror', (error) => problems.push(String(error)));
	await view.goto(await serve('shop'));
	const shown = () => view.frames().at(-1);
	const heading = () => shown().evaluate(() => document.querySelector('h1')?.textContent);
	const color = (what) =>
		shown().evaluate((name) => getComputedStyle(document.querySelector(name)).color, what);
	await until('the page is there', async () => (await heading().catch(() => '')) === 'First');
	await until('its title is the view’s', async () => (await view.title()) === 'Shop');
	await new Promise((settled) => setTimeout(settled, 500));
	await shown().evaluate(() => {
		document.getElementById('field').value = 'typed';
		document.querySelector('[name=box]').checked = true;
		scrollTo(0, 800);
		window.mark = 'same page';
	});
	const kept = () =>
		shown().evaluate(() => [
			document.getElementById('field').value,
			document.querySelector('[name=box]').checked,
			scrollY,
			document.querySelectorAll('#list li').length,
			window.mark ?? 'another page'
		]);
	const same = ['typed', true, 800, 1, 'same page'];

	await save('a.css', '@import "b.css"; h1 { color: rgb(2, 2, 2) }');
	await until('the style is there', async () => (await color('h1')) === 'rgb(2, 2, 2)');
	assert.deepEqual(await kept(), same);
	await save('b.css', 'p { color: rgb(3, 3, 3) }');
	await until('the imported style is there', async () => (await color('p')) === 'rgb(3, 3, 3)');
	assert.deepEqual(await kept(), same);

	await save('index.html', page('Second'));
	await until('the words are there', async () => (await heading()) === 'Second');
	assert.deepEqual(await kept(), same);
	await save('index.html', page('Second', '<p class="new">Two</p><p>Three</p>'));
	await until('what is new is there', () =>
		shown().evaluate(() => document.querySelectorAll('p').length === 3)
	);
	assert.deepEqual(await kept(), same);
	await save('index.html', page('Third'));
	await until('what went is gone', () =>
		shown().evaluate(() => document.querySelectorAll('p').length === 1)
	);
	assert.deepEqual(await kept(), same);

	await save('c.json', '2');
	const anew = ['typed', true, 800, 1, 'another page'];
	await until('the page is there anew', async () => {
		const now = await kept().catch(() => []);
		return JSON.stringify(now) === JSON.stringify(anew);
	});
	await save('index.html', page('Fourth').replace('by program', 'by another'));
	await until('another program runs', async () => (await heading().catch(() => '')) === 'Fourth');
	await until('and what was filled in is there', async () => {
		const now = await kept().catch(() => []);
		return JSON.stringify(now) === JSON.stringify(anew);
	});
	assert.deepEqual(problems, []);
}

try {
	const browser = await chromium.launch({
		executablePath: '/usr/bin/chromium',
		args: ['--no-sandbox']
	});
	ends.push(() => browser.close());
	await walls(browser);
	await repaints(browser);
	console.log('the walls hold, and a repaint keeps what it can');
} finally {
	for (const end of ends.reverse()) await end();
}
