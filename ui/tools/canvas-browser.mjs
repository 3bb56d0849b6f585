// A canvas in a real browser, as `plimsoll canvas serve` shows it: what a hostile page reaches, what a
// repaint keeps, and what addresses mean. Ends with an error on the first thing that is not as it
// should be.
//
//   node tools/canvas-browser.mjs PLIMSOLL
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createSocket } from 'node:dgram';
import { createServer as createSite } from 'node:http';
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

/** Listens on the loopback, for connections and for packets; answers what is heard. */
async function listen() {
	const heard = [];
	const server = createServer((socket) => {
		heard.push('somebody connected');
		socket.on('data', (data) => heard.push(String(data).split('\r\n')[0]));
		socket.on('error', () => socket.destroy());
	});
	await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
	const { port } = server.address();
	const packets = createSocket('udp4', () => heard.push('a packet came'));
	packets.bind(port, '127.0.0.1');
	ends.push(() => {
		server.close();
		packets.close();
	});
	return { heard, address: `http://127.0.0.1:${port}/` };
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

/** The names that were looked up, by the browser's own log of its network. */
async function lookedUp(log) {
	const { constants, events } = JSON.parse(await readFile(log, 'utf8'));
	const kinds = Object.entries(constants.logEventTypes)
		.filter(([name]) => name.startsWith('HOST_RESOLVER'))
		.map(([, kind]) => kind);
	const asked = events.filter(({ type }) => kinds.includes(type));
	return [...new Set(JSON.stringify(asked).match(/[a-z-]+\.leak\.test/g) ?? [])];
}

/** That the log and the listener hear what a page without walls does: else the walls prove nothing. */
async function control(browser, foreign) {
	const page = `<!doctype html><link rel="preconnect" href="${foreign.address}">
		<link rel="dns-prefetch" href="//control.leak.test"><script>
			const urls = '${foreign.address.replace('http://', 'stun:').replace(/\/$/, '')}';
			const peer = new RTCPeerConnection({ iceServers: [{ urls }] });
			peer.createDataChannel('data');
			void peer.createOffer().then((offer) => peer.setLocalDescription(offer));
		</script>`;
	const site = createSite((_, answer) => answer.setHeader('content-type', 'text/html').end(page));
	await new Promise((listening) => site.listen(0, '127.0.0.1', listening));
	ends.push(() => site.close());
	const view = await browser.newPage();
	await view.goto(`http://127.0.0.1:${site.address().port}/`);
	for (const what of ['somebody connected', 'a packet came'])
		await until(`without walls: ${what}`, () => foreign.heard.includes(what));
	await view.close();
}

/** A page of somebody's tries everything; only its own files come. */
async function walls(browser) {
	await control(browser, await listen());
	const foreign = await listen();
	const { address } = foreign;
	const root = await project('hostile', {
		'index.html': `<!doctype html><link rel="preconnect" href="${address}">
			<link rel="preconnect" href="//parsed.leak.test"><link rel="dns-prefetch" href="//prefetched.leak.test">
			<p>The canvas itself</p><script data-foreign="${address}" data-domain="leak.test" src="attack.js"></script>`,
		'attack.js': await readFile(attack, 'utf8'),
		'own.json': '{"own": true}',
		'own.mjs': 'export const own = true;'
	});
	await writeFile(join(root, 'secret.txt'), 'SECRET');
	await symlink('../secret.txt', join(root, '.canvas', 'link.txt'));
	const url = await serve('hostile');
	const pages = browser.pages().length + 1;
	const view = await browser.newPage();
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
		'service worker': 'refused',
		'foreign by fetch': 'refused',
		'foreign by image': 'refused',
		'encoded way up': 403,
		'encoded slash': 403,
		'link out': 403,
		'hidden file': 403,
		'plain way up': 404
	};
	for (const [name, outcome] of Object.entries(outcomes))
		assert.deepEqual(told[name], outcome, name);
	assert.deepEqual(foreign.heard, [], 'the foreign host heard something');
	assert.equal(view.url(), url);
	assert.equal(browser.pages().length, pages);
	assert(!JSON.stringify(told).includes('SECRET'));
	await view.close();
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
	const view = await browser.newPage();
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

/** What is saved while a page comes is seen, too. */
async function meanwhile(browser) {
	const root = await project('late', { 'index.html': '<!doctype html><h1>Before</h1>' });
	const view = await browser.newPage();
	let saved = false;
	await view.route('**/*', async (route) => {
		// The page is there, and our script reads it once more.
		if (!saved && route.request().resourceType() === 'fetch') {
			saved = true;
			await writeFile(join(root, '.canvas', 'index.html'), '<!doctype html><h1>After</h1>');
			await new Promise((told) => setTimeout(told, 300));
		}
		await route.continue();
	});
	await view.goto(await serve('late'));
	await until('what was saved meanwhile is there', async () => {
		const heading = view
			.frames()
			.at(-1)
			.evaluate(() => document.querySelector('h1')?.textContent);
		return saved && (await heading.catch(() => '')) === 'After';
	});
	await view.close();
}

/** Addresses mean what they mean on the published site, and a film can be begun in its middle. */
async function addresses(browser) {
	const root = await project('site', {
		'index.html': `<!doctype html><title>Site</title><link rel="stylesheet" href="/assets/a.css">
			<h1>Here</h1><a href="/about/">About</a><audio src="/assets/sound.wav" preload="auto"></audio>`
	});
	await mkdir(join(root, '.canvas/assets'));
	await mkdir(join(root, '.canvas/about'));
	await writeFile(join(root, '.canvas/assets/a.css'), 'h1 { color: rgb(1, 2, 3) }');
	await writeFile(join(root, '.canvas/about/index.html'), '<!doctype html><h1>About</h1>');
	await writeFile(join(root, '.canvas/assets/sound.wav'), silence(600));
	const view = await browser.newPage();
	const parts = [];
	view.on('response', (answer) => {
		if (answer.url().endsWith('.wav')) parts.push(answer.headers()['content-range'] ?? 'whole');
	});
	const url = await serve('site');
	await view.goto(url);
	const shown = () => view.frames().at(-1);
	const color = () => shown().evaluate(() => getComputedStyle(document.querySelector('h1')).color);
	await until('the style is there', async () => (await color().catch(() => '')) === 'rgb(1, 2, 3)');
	await shown().evaluate(
		() =>
			new Promise((done, failed) => {
				const sound = document.querySelector('audio');
				sound.addEventListener('error', () => failed(new Error(sound.error.message)));
				sound.addEventListener('seeked', done);
				sound.currentTime = 590;
			})
	);
	const from = (part) => Number(/^bytes (\d+)-/.exec(part)?.[1] ?? 0);
	assert(
		parts.some((part) => from(part) > 1_000_000),
		`only ${parts.join(', ')}`
	);
	await shown().evaluate(() => document.querySelector('a').click());
	await until('the other page is there', async () => {
		const heading = shown().evaluate(() => document.querySelector('h1')?.textContent);
		return (await heading.catch(() => '')) === 'About';
	});
	// By itself a page could go anywhere.
	const [, host, secret] = /^http:\/\/127\.0\.0\.1(:\d+)\/view\/(\w+)\/$/.exec(url);
	const alone = await view.goto(`http://${secret}.localhost${host}/`);
	assert.equal(alone.status(), 403);
	await view.close();
}

/** A sound of so many seconds in which nothing is heard (RIFF, 8 bits at 8 kHz). */
function silence(seconds) {
	const bytes = Buffer.alloc(44 + seconds * 8_000, 128);
	bytes.write('RIFF', 0);
	bytes.writeUInt32LE(bytes.length - 8, 4);
	bytes.write('WAVEfmt ', 8);
	bytes.writeUInt32LE(16, 16);
	[1, 1].forEach((number, place) => bytes.writeUInt16LE(number, 20 + 2 * place));
	bytes.writeUInt32LE(8_000, 24);
	bytes.writeUInt32LE(8_000, 28);
	[1, 8].forEach((number, place) => bytes.writeUInt16LE(number, 32 + 2 * place));
	bytes.write('data', 36);
	bytes.writeUInt32LE(bytes.length - 44, 40);
	return bytes;
}

const log = join(folder, 'network.json');
// As a person has it: a profile that is not kept apart, and that connects ahead of a request.
const browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
	executablePath: '/usr/bin/chromium',
	args: ['--no-sandbox', `--log-net-log=${log}`],
	ignoreDefaultArgs: ['--disable-background-networking']
});
let closed = false;
ends.push(() => closed || browser.close());
try {
	await walls(browser);
	await repaints(browser);
	await meanwhile(browser);
	await addresses(browser);
	await browser.close();
	closed = true;
	const names = await lookedUp(log);
	assert(names.includes('control.leak.test'), 'the log hears nothing');
	assert.deepEqual(
		names.filter((name) => !name.startsWith('control')),
		[],
		'names were looked up'
	);
	console.log('the walls hold, addresses lead where they should, and a repaint keeps what it can');
} finally {
	for (const end of ends.reverse()) await end();
}
