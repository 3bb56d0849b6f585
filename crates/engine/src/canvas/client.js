// Runs in every page of a preview before the page itself: tells whoever shows the preview what goes
// wrong in it, and repaints it when a file has changed. Both sides send objects
// `{plimsoll: 'canvas', version: 1, kind, …}` and read nothing else.
(() => {
	'use strict';
	if (window === window.parent) return;

	const script = document.currentScript;
	const client = new URL(script.src);
	const base = client.href.slice(0, client.href.lastIndexOf('.plimsoll/'));
	const { mark, scheme, scripts } = script.dataset;
	const LONGEST = 4000;
	const MOST_A_SECOND = 100;

	// What the page may replace later is taken along now.
	const say = window.parent.postMessage.bind(window.parent);
	const plainFetch = window.fetch.bind(window);
	const frame = window.requestAnimationFrame.bind(window);
	const clip = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
	const tell = (kind, more) => say({ plimsoll: 'canvas', version: 1, kind, ...more }, '*');

	let second = 0;
	let told = 0;
	function report(kind, more) {
		const now = Math.floor(performance.now() / 1000);
		if (now !== second) [second, told] = [now, 0];
		told += 1;
		if (told < MOST_A_SECOND) tell(kind, more);
		else if (told === MOST_A_SECOND)
			tell('console', { level: 'warn', text: 'More was said in this second than is shown.' });
	}

	// --- Colours that the preview pretends to prefer --------------------------------------------

	if (scheme) {
		const plain = window.matchMedia.bind(window);
		window.matchMedia = (query) =>
			plain(
				String(query).replace(/\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)/gi, (_, asked) =>
					asked.toLowerCase() === scheme ? '(min-width:0)' : '(max-width:0)'
				)
			);
	}

	// --- The console ----------------------------------------------------------------------------

	/** An error with what it says, which the stack of some engines leaves out. */
	function whole(error) {
		const said = String(error);
		const { stack } = error;
		if (!stack) return said;
		return stack.startsWith(said) ? stack : `${said}\n${stack}`;
	}

	function shown(value, depth = 0) {
		if (typeof value === 'string') return depth ? JSON.stringify(value) : value;
		if (typeof value === 'function') return `ƒ ${value.name || 'anonymous'}()`;
		if (value === null || typeof value !== 'object') return String(value);
		if (value instanceof Error) return whole(value);
		if (value instanceof Node) return value instanceof Element ? value.outerHTML : value.nodeName;
		if (depth > 2) return Array.isArray(value) ? '[…]' : '{…}';
		if (Array.isArray(value))
			return `[${value
				.slice(0, 100)
				.map((each) => shown(each, depth + 1))
				.join(', ')}${value.length > 100 ? ', …' : ''}]`;
		const names = Object.keys(value);
		const fields = names.slice(0, 50).map((name) => `${name}: ${shown(value[name], depth + 1)}`);
		const title = value.constructor?.name;
		return `${title && title !== 'Object' ? `${title} ` : ''}{${fields.join(', ')}${names.length > 50 ? ', …' : ''}}`;
	}

	function text(values) {
		return clip(
			values
				.map((value) => {
					try {
						return shown(value);
					} catch {
						return '(cannot be shown)';
					}
				})
				.join(' ')
		);
	}

	for (const level of ['debug', 'log', 'info', 'warn', 'error']) {
		const plain = console[level].bind(console);
		console[level] = (...values) => {
			plain(...values);
			report('console', { level, text: text(values) });
		};
	}
	const own = (address) =>
		typeof address === 'string' && address.startsWith(base) ? address.slice(base.length) : address;
	const at = (event) =>
		event.filename ? ` (${own(event.filename)}:${event.lineno}:${event.colno})` : '';

	// A page of no origin is not told what went wrong in a script that stands in it (HTML, "muted
	// errors"). What is called later is watched, where nothing is hidden; for the rest it is said where.
	let caught = null;
	const guards = new WeakMap();
	function guarded(callback) {
		if (typeof callback !== 'function') return callback;
		if (!guards.has(callback))
			guards.set(callback, function (...values) {
				try {
					return callback.apply(this, values);
				} catch (error) {
					caught = { error };
					report('console', { level: 'error', text: text([error]) });
					throw error;
				}
			});
		return guards.get(callback);
	}
	for (const name of ['setTimeout', 'setInterval', 'requestAnimationFrame', 'queueMicrotask']) {
		const plain = window[name].bind(window);
		window[name] = (callback, ...rest) => plain(guarded(callback), ...rest);
	}
	for (const name of ['addEventListener', 'removeEventListener']) {
		const plain = EventTarget.prototype[name];
		EventTarget.prototype[name] = function (type, callback, ...rest) {
			return plain.call(this, type, guarded(callback), ...rest);
		};
	}
	function hidden() {
		const source = document.currentScript?.src ? '' : (document.currentScript?.text.trim() ?? '');
		const first = source.split('\n')[0].trim();
		const begins = first ? ` that begins with “${first.slice(0, 80)}”` : '';
		try {
			// Read, not run: what cannot be read says why.
			if (source) new Function(source);
		} catch (error) {
			return `${error} (in a script${begins})`;
		}
		return `Something went wrong in a script${begins}. What it was is told of scripts in files of this canvas.`;
	}
	window.addEventListener('error', (event) => {
		if (!(event instanceof ErrorEvent)) return;
		const was = caught;
		caught = null;
		const muted = !event.error && !event.filename;
		if (was && (muted || event.error === was.error)) return;
		const told = muted ? hidden() : `${event.message}${at(event)}`;
		report('console', { level: 'error', text: clip(told) });
	});
	window.addEventListener('unhandledrejection', (event) =>
		report('console', { level: 'error', text: `Unhandled: ${text([event.reason])}` })
	);

	// --- Requests that fail ---------------------------------------------------------------------

	const failed = (address, why) =>
		report('failed', { address: clip(String(own(address) ?? '')), why: clip(String(why)) });
	const refused = new Set();

	document.addEventListener('securitypolicyviolation', (event) => {
		if (event.disposition !== 'enforce') return;
		// Whoever shows the page says that its scripts are off.
		if (scripts === 'off' && event.effectiveDirective.startsWith('script-src')) return;
		refused.add(event.blockedURI);
		const site = new URL(base);
		const missed =
			event.blockedURI.startsWith(`${site.protocol}//${site.host}/`) &&
			!event.blockedURI.startsWith(base);
		failed(
			event.blockedURI,
			missed
				? 'outside this canvas: begin the address without a slash'
				: `refused by ${event.effectiveDirective}: allow its host for this canvas`
		);
	});
	window.addEventListener(
		'error',
		(event) => {
			const { target } = event;
			if (!(target instanceof Element)) return;
			const address = target.currentSrc || target.src || target.href;
			// What the policy refused has been told with its reason.
			if (typeof address === 'string' && !refused.has(address))
				failed(address, `<${target.localName}> could not be loaded`);
		},
		true
	);
	window.fetch = async (...values) => {
		const address = new Request(values[0] instanceof Request ? values[0].url : values[0]).url;
		try {
			const answer = await plainFetch(...values);
			if (!answer.ok) failed(address, `${answer.status} ${answer.statusText}`.trim());
			return answer;
		} catch (error) {
			if (!refused.has(address) && error?.name !== 'AbortError') failed(address, error);
			throw error;
		}
	};
	const { open } = XMLHttpRequest.prototype;
	XMLHttpRequest.prototype.open = function (method, address, ...rest) {
		const whole = new URL(address, document.baseURI).href;
		this.addEventListener('loadend', () => {
			if (this.status >= 400) failed(whole, `${this.status} ${this.statusText}`.trim());
			else if (this.status === 0 && !refused.has(whole)) failed(whole, 'no answer');
		});
		return open.call(this, method, address, ...rest);
	};

	// --- What is kept over a reload ---------------------------------------------------------------

	const fields = () => [...document.querySelectorAll('input, textarea, select')];
	const kept = (field) => !['password', 'file', 'hidden'].includes(field.type);
	const keyOf = (field, place) => field.id || `${field.form?.id ?? ''}/${field.name}/${place}`;

	function memory() {
		const values = fields().flatMap((field, place) => {
			if (!kept(field)) return [];
			const ticked = field.type === 'checkbox' || field.type === 'radio';
			return [[keyOf(field, place), ticked ? field.checked : field.value.slice(0, LONGEST)]];
		});
		return JSON.stringify({ x: scrollX, y: scrollY, values: values.slice(0, 200) });
	}

	function remember(text) {
		let state;
		try {
			state = JSON.parse(text);
		} catch {
			return;
		}
		const known = new Map(state.values);
		fields().forEach((field, place) => {
			const value = known.get(keyOf(field, place));
			if (value === undefined || !kept(field)) return;
			if (typeof value === 'boolean') field.checked = value;
			else field.value = value;
		});
		const scroll = () => window.scrollTo({ left: state.x, top: state.y, behavior: 'instant' });
		scroll();
		// Pictures that come in make the page longer.
		if (document.readyState !== 'complete') window.addEventListener('load', scroll, { once: true });
	}

	function reload() {
		tell('reloading', { memory: memory() });
		location.reload();
	}

	// --- Repainting -------------------------------------------------------------------------------

	const pathOf = (address) => {
		const bare = address.split(/[?#]/)[0];
		if (!bare.startsWith(base)) return null;
		const path = bare.slice(base.length);
		try {
			return decodeURIComponent(path === '' || path.endsWith('/') ? `${path}index.html` : path);
		} catch {
			return null;
		}
	};

	/** Tells that the page is painted: in the frame after the one in which it changed. */
	const painted = (how) => frame(() => frame(() => tell('painted', { how })));

	let edition = 0;

	/** Loads a style sheet beside the old one, which goes when the new one is there. */
	function swapStyle(link) {
		const next = link.cloneNode();
		const address = new URL(link.href);
		address.searchParams.set('plimsoll', String(++edition));
		next.href = address.href;
		return new Promise((done) => {
			const settle = () => {
				link.remove();
				done();
			};
			next.addEventListener('load', settle, { once: true });
			next.addEventListener('error', settle, { once: true });
			link.after(next);
		});
	}

	async function swapStyles(paths) {
		const links = [...document.querySelectorAll('link[rel~="stylesheet"][href]')].filter(
			(link) => pathOf(link.href) !== null
		);
		const named = links.filter((link) => paths.includes(pathOf(link.href)));
		// What no link names may be imported by one that is there.
		await Promise.all((named.length ? named : links).map(swapStyle));
	}

	const same = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName;
	const sources = (page) =>
		[...page.scripts].map((each) => `${each.type} ${each.src} ${each.text}`).join('\n');

	function patchAttributes(live, was, now) {
		for (const { name } of [...was.attributes])
			if (!now.hasAttribute(name)) live.removeAttribute(name);
		for (const { name, value } of [...now.attributes])
			if (was.getAttribute(name) !== value) live.setAttribute(name, value);
	}

	/**
	 * Brings the difference between two texts of a page into what is shown, and leaves alone what
	 * did not differ. False when what is shown is not what the text before said, as a program of the
	 * page has changed it there.
	 */
	function patch(live, was, now) {
		if (was.isEqualNode(now)) return true;
		if (!same(live, was) || !same(was, now)) return false;
		if (live.nodeType !== Node.ELEMENT_NODE) {
			live.data = now.data;
			return true;
		}
		patchAttributes(live, was, now);
		const [before, after] = [[...was.childNodes], [...now.childNodes]];
		const there = [...live.childNodes];
		if (before.length === after.length && before.every((each, i) => each.isEqualNode(after[i])))
			return true;
		// What a program has put behind everything else stays there.
		if (there.length < before.length || !before.every((each, i) => same(each, there[i])))
			return false;
		let start = 0;
		const least = Math.min(before.length, after.length);
		while (start < least && before[start].isEqualNode(after[start])) start += 1;
		let end = 0;
		while (end < least - start && before.at(-1 - end).isEqualNode(after.at(-1 - end))) end += 1;
		const old = before.length - start - end;
		const fresh = after.length - start - end;
		for (let i = start; i < start + Math.max(old, fresh); i += 1) {
			if (i >= start + fresh) there[i].remove();
			else if (i >= start + old)
				live.insertBefore(document.importNode(after[i], true), there[start + old] ?? null);
			else if (same(before[i], after[i])) {
				if (!patch(there[i], before[i], after[i])) return false;
			} else there[i].replaceWith(document.importNode(after[i], true));
		}
		return true;
	}

	let page = null;

	async function read() {
		const answer = await plainFetch(location.href.split('#')[0], { cache: 'no-store' });
		if (!answer.ok) throw new Error(String(answer.status));
		return new DOMParser().parseFromString(await answer.text(), 'text/html');
	}

	async function patchPage() {
		const was = page;
		const now = await read();
		if (!was || sources(was) !== sources(now)) return false;
		page = now;
		const styles = (each) => [...each.querySelectorAll('link')].map((link) => link.outerHTML).join();
		// A style sheet that was swapped has another address by now than its text says.
		if (edition && styles(was) !== styles(now)) return false;
		return patch(document.documentElement, was.documentElement, now.documentElement);
	}

	async function repaint(paths) {
		const here = pathOf(location.href);
		const concerns = paths.filter((path) => path === here || !/\.html?$/i.test(path));
		if (paths.length && !concerns.length) return;
		if (!paths.length || concerns.some((path) => path !== here && !/\.css$/i.test(path)))
			return reload();
		try {
			const styles = concerns.filter((path) => path !== here);
			if (styles.length) await swapStyles(styles);
			if (concerns.includes(here) && !(await patchPage())) return reload();
			painted(concerns.includes(here) ? 'page' : 'style');
		} catch {
			reload();
		}
	}

	// One after the other: a page that is being repainted is not what any text says.
	let turn = Promise.resolve();
	window.addEventListener('message', (event) => {
		if (event.source !== window.parent) return;
		const { data } = event;
		if (data?.plimsoll !== 'canvas' || data.version !== 1) return;
		event.stopImmediatePropagation();
		if (data.kind === 'changed' || data.kind === 'ping') tell('heard');
		if (data.kind === 'changed' && Array.isArray(data.paths))
			turn = turn.then(() => repaint(data.paths.map(String)));
		if (data.kind === 'remember' && typeof data.memory === 'string') remember(data.memory);
	});

	document.addEventListener('DOMContentLoaded', () => {
		tell('ready', { path: pathOf(location.href) ?? '', title: clip(document.title) });
		turn = turn.then(async () => {
			try {
				const now = await read();
				// It was saved between its coming and now: what is shown is what no text says any more.
				if (now.querySelector('script[data-mark]')?.dataset.mark !== mark) return reload();
				page = now;
			} catch {
				// Without the text before, every change of the page reloads it.
			}
		});
		painted('load');
	});
})();
