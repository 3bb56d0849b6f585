// Shows a canvas in a frame that can do nothing to this page, and tells it what has changed.
const frame = document.querySelector('iframe');
let memory = null;

addEventListener('message', ({ source, data }) => {
	if (source !== frame.contentWindow || data?.plimsoll !== 'canvas' || data.version !== 1) return;
	if (data.kind === 'reloading' && typeof data.memory === 'string') memory = data.memory;
	if (data.kind === 'ready') {
		if (typeof data.title === 'string' && data.title) document.title = data.title;
		if (memory !== null) send({ kind: 'remember', memory });
		memory = null;
	}
});

// A sandboxed frame has no origin that could be named; nothing that is told is a secret.
const send = (message) =>
	frame.contentWindow.postMessage({ plimsoll: 'canvas', version: 1, ...message }, '*');

const changed = (paths) => send({ kind: 'changed', paths });

const changes = new EventSource(frame.dataset.changes);
let interrupted = false;
changes.addEventListener('message', ({ data }) => changed(JSON.parse(data)));
changes.addEventListener('error', () => (interrupted = true));
changes.addEventListener('open', () => {
	// What happened in between is not known.
	if (interrupted) changed([]);
	interrupted = false;
});

// Not every browser knows where names below “localhost” lead.
const { own, page } = frame.dataset;
const asked = fetch(`${own}.plimsoll/client.js`, { method: 'HEAD', mode: 'no-cors' });
frame.src = await asked.then(
	() => own,
	() => page
);
