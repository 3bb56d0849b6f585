/** The pages in mock mode, built and served on this machine, with a browser that looks at them. */
import { chromium } from 'playwright-core';
import { createServer } from 'node:http';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, runnerImport } from 'vite';

const ui = fileURLToPath(new URL('..', import.meta.url));
/** The fixture of a canvas, which its frame shows. */
const PREVIEW = '/src/mock/canvas.html';
const TYPES = {
	'.html': 'text/html',
	'.js': 'text/javascript',
	'.css': 'text/css',
	'.woff2': 'font/woff2',
	'.svg': 'image/svg+xml',
	'.png': 'image/png'
};

/** The window's own policy, less what only the real one needs. */
async function policy() {
	const file = path.join(ui, '../src-tauri/tauri.conf.json');
	const { app } = JSON.parse(await readFile(file, 'utf8'));
	return (
		Object.entries(app.security.csp)
			.filter(([name]) => name !== 'frame-ancestors')
			// The fixture of a preview stands in for its scheme, which only the window knows.
			.map(([name, value]) => [name, name === 'frame-src' ? `'self'` : value])
			.map(([name, value]) => `${name} ${[value].flat().join(' ')}`)
			.join('; ')
	);
}

/** Builds the pages with their fixtures, opens a browser, and calls `use({ browser, at })`. */
export async function withPages(use) {
	const dist = await mkdtemp(path.join(tmpdir(), 'plimsoll-pages-'));
	const csp = await policy();
	await build({
		root: ui,
		mode: 'mock',
		logLevel: 'error',
		build: { outDir: dist, emptyOutDir: true, minify: false, reportCompressedSize: false }
	});
	const server = createServer((request, response) => {
		const { pathname } = new URL(request.url ?? '/', 'http://localhost');
		if (pathname === '/favicon.ico') return void response.writeHead(204).end();
		if (pathname === PREVIEW) {
			return void readFile(path.join(ui, PREVIEW)).then((page) => {
				response.writeHead(200, { 'content-type': 'text/html' }).end(page);
			});
		}
		const file = path.join(dist, pathname === '/' ? 'index.html' : path.normalize(pathname));
		readFile(file).then(
			(bytes) => {
				response.writeHead(200, {
					'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream',
					'content-security-policy': csp
				});
				response.end(bytes);
			},
			() => response.writeHead(404).end()
		);
	});
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	const executablePath = process.env.PLIMSOLL_CHROMIUM ?? '/usr/bin/chromium';
	if (!existsSync(executablePath)) {
		throw new Error(
			`there is no ${executablePath}: install chromium, or name one in PLIMSOLL_CHROMIUM`
		);
	}
	const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
	try {
		await use({ browser, at: `http://127.0.0.1:${server.address().port}` });
	} finally {
		await browser.close();
		server.close();
		await rm(dist, { recursive: true, force: true });
	}
}

/** The list of screens, from the source that the pages themselves are built of. */
export async function screens() {
	const file = path.join(ui, 'src/mock/screens.ts');
	const { module } = await runnerImport(file, { root: ui, configFile: false, logLevel: 'error' });
	return module.screens;
}

/**
 * Every screen in every state and theme: `look({ screen, state, theme, page, problems })`. `only` is a
 * pattern for names such as `plan-full-dark-1280x800`. The themes are gone through at the same time.
 */
export async function eachScreen({ browser, at, size, themes, only, look }) {
	const all = await screens();
	await Promise.all(themes.map((theme) => eachOf(all, { browser, at, size, theme, only, look })));
}

/** Every screen in one theme, one after the other. */
async function eachOf(all, { browser, at, size, theme, only, look }) {
	const context = await browser.newContext({
		viewport: size,
		colorScheme: theme,
		reducedMotion: 'reduce',
		locale: 'en-US'
	});
	const page = await context.newPage();
	let problems = [];
	page.on('pageerror', (error) => problems.push(error.message));
	page.on('console', (message) => {
		if (message.type() === 'error') problems.push(message.text());
	});
	page.on('request', (request) => {
		const url = request.url();
		if (!url.startsWith(at) && !url.startsWith('data:')) problems.push(`asked for ${url}`);
	});
	for (const screen of all) {
		for (const state of screen.states) {
			const name = `${screen.name}-${state}`;
			if (only && !new RegExp(only).test(`${name}-${theme}-${size.width}x${size.height}`)) continue;
			const query = [`state=${state}`, `theme=${theme}`, screen.ask].filter(Boolean).join('&');
			const address = `${at}/?${query}#${screen.path}`;
			for (let tries = 0; tries < 3; tries += 1) {
				problems = [];
				await open(page, address, problems);
				// The machine's networks changed beneath the browser, which then drops what it loads.
				if (!problems.some((problem) => problem.includes('ERR_NETWORK_CHANGED'))) break;
			}
			await follow(page, screen.then ?? []).catch((error) =>
				problems.push(`${JSON.stringify(screen.then)}: ${error.message.split('\n')[0]}`)
			);
			await look({ screen, state, theme, name, page, problems });
		}
	}
	await context.close();
}

/** Presses and clicks its way to what a screen shows only then. */
async function follow(page, steps) {
	for (const step of steps) {
		if ('press' in step) await page.keyboard.press(step.press);
		else {
			const name = step.click;
			const roles = ['button', 'link', 'tab'];
			const exact = roles.map((role) => page.getByRole(role, { name, exact: true }));
			const some = [...roles.map((role) => page.getByRole(role, { name })), page.getByText(name)];
			const either = (all) => all.reduce((one, other) => one.or(other)).first();
			// What bears just this name may come later than what only begins with it.
			const there = await either(exact)
				.waitFor({ timeout: 2_000 })
				.then(() => true)
				.catch(() => false);
			const target = either(there ? exact : some);
			await target.click({ timeout: 3_000, clickCount: step.twice ? 2 : 1 });
		}
		await page.waitForTimeout(250);
	}
}

/** Shows an address as a window that was just opened shows it. */
async function open(page, address, problems) {
	// What the last screen left behind is nothing to this one.
	await page.evaluate(() => globalThis.localStorage?.clear()).catch(() => undefined);
	// A new address in the same document would only change the place.
	await page.goto('about:blank');
	await page.goto(address);
	await page
		.locator('h1')
		.first()
		.waitFor({ state: 'attached', timeout: 5_000 })
		.catch(() => problems.push('has no heading'));
	await page.evaluate(() => document.fonts.ready);
	await page.waitForTimeout(300);
}
