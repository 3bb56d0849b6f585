// What a hostile canvas would try. Each outcome is told to whoever shows it.
const foreign = document.currentScript.dataset.foreign;
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
	tell('own data', await fetch('own.json').then((answer) => answer.json()).catch(String));
	tell('own module', await import(new URL('own.mjs', location.href)).then((m) => m.own, String));

	tell('internals', typeof window.__TAURI_INTERNALS__);
	window.__TAURI_INTERNALS__?.invoke('project_create', call);
	tell('parent document', thrown(() => parent.document.title));
	tell('top address', thrown(() => top.location.href));
	tell('storage', thrown(() => localStorage.length));
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
		await refused(fetch('ipc://localhost/project_create', { method: 'POST', headers, body }))
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
	for (const kind of ['prefetch', 'preload', 'stylesheet', 'icon', 'manifest']) {
		const link = document.createElement('link');
		Object.assign(link, { rel: kind, href: `${foreign}${kind}` });
		if (kind === 'preload') link.as = 'script';
		document.head.append(link);
	}

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
		Object.assign(link, { href: foreign, target, textContent: 'away' });
		document.body.append(link);
		link.click();
		const form = document.createElement('form');
		Object.assign(form, { action: foreign, target, method: 'post' });
		document.body.append(form);
		form.submit();
	}
	tell('everything tried', true);
	// Last, as this page would be gone if it went anywhere.
	location.href = foreign;
})();
