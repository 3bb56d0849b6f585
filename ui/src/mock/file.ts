/** The files of a project. `?file=conflict|removed|unsaved|none|no-folder` shows what other programs or drafts do. */
import type {
	BinEntryView,
	DraftView,
	FileHitsView,
	FileReadView,
	FileWritingView,
	FolderNewsView,
	QueryView,
	SearchNewsView,
	TreeEntryView
} from '$ipc';
import { answer, asked, fail, never, state, type Told } from './answer';
import { canvasPage } from './canvas';

const wanted = asked('file');

const server = `import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';

// The port comes from the environment, as on a server.
const port = Number(process.env.PORT ?? 3000);

/** Answers a request with a page. */
async function answer(request, response) {
	const page = await readFile('public/index.html', 'utf8');
	response.writeHead(200, { 'content-type': 'text/html' });
	response.end(page.replace('{{visits}}', String(visits)));
}

let visits = 0;
createServer((request, response) => {
	visits += 1;
	answer(request, response).catch((error) => {
		response.writeHead(500).end(error.message);
	});
}).listen(port);
`;

const texts: Record<string, string> = {
	'.canvas/index.html': canvasPage,
	'.canvases/landing/index.html': canvasPage,
	'.gitignore': 'node_modules/\n*.log\n',
	Dockerfile:
		'FROM node:22-alpine\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci --omit=dev\nCOPY . .\nCMD ["node", "server.js"]\n',
	'README.md': '# Shop\n\nA small shop. Run it with `npm start`.\n\n- [Orders](docs/orders.md)\n',
	'package.json':
		'{\n  "name": "shop",\n  "private": true,\n  "scripts": {\n    "start": "node server.js"\n  }\n}\n',
	'server.js': server,
	'public/index.html':
		'<!doctype html>\n<html lang="en">\n  <head>\n    <title>Shop</title>\n    <link rel="stylesheet" href="shop.css" />\n  </head>\n  <body>\n    <h1>Shop</h1>\n    <p>{{visits}} visits so far</p>\n  </body>\n</html>\n',
	'public/shop.css':
		'/* The look of the shop. */\nbody {\n  margin: 2rem auto;\n  max-width: 60ch;\n  color: #222;\n}\n\nh1 {\n  font-size: 2rem;\n}\n',
	'docs/orders.md': '# Orders\n\nAn order has a number and a day.\n'
};

const entry = (
	name: string,
	kind: TreeEntryView['kind'],
	more: Partial<TreeEntryView> = {}
): TreeEntryView => ({
	name,
	kind,
	target: '',
	bytes: kind === 'file' ? 512 : 0,
	is_ignored: false,
	windows: null,
	...more
});

const folders: Record<string, TreeEntryView[]> = {
	'': [
		entry('docs', 'folder'),
		entry('node_modules', 'folder', { is_ignored: true }),
		entry('public', 'folder'),
		entry('.gitignore', 'file'),
		entry('current', 'link', { target: '../releases/current' }),
		entry('Dockerfile', 'file'),
		entry('npm-debug.log', 'file', { is_ignored: true }),
		entry('orders.db', 'file', { bytes: 40_960 }),
		entry('package.json', 'file'),
		entry('README.md', 'file'),
		entry('server.js', 'file', { bytes: server.length }),
		entry('what?.txt', 'file', { windows: 'it contains one of < > : " | ? * \\' })
	],
	docs: [entry('orders.md', 'file')],
	node_modules: Array.from({ length: 400 }, (_, index) =>
		entry(`package-${String(index).padStart(3, '0')}`, 'folder', { is_ignored: true })
	),
	public: [
		entry('index.html', 'file'),
		entry('logo.png', 'file', { bytes: 68 }),
		entry('shop.css', 'file'),
		entry('tour.mp4', 'file', { bytes: 48_300_112 })
	]
};

const logo =
	'data:image/svg+xml,' +
	encodeURIComponent(
		'<svg xmlns="http://www.w3.org/2000/svg" width="240" height="240" viewBox="0 0 24 24" fill="none" stroke="gray"><circle cx="12" cy="12" r="8" /><path d="M1 12h22" /></svg>'
	);

const hash = (text: string): string => `${text.length}`.padStart(64, '0');
const textRead = (text: string): FileReadView => ({
	content: { kind: 'text', text, ending: 'lf', has_mark: false },
	bytes: text.length,
	hash: hash(text),
	is_readonly: false
});
const read = (content: FileReadView['content'], bytes: number): FileReadView => ({
	content,
	bytes,
	hash: null,
	is_readonly: false
});

const gone = {
	code: 'workspace_gone',
	message: 'The folder /media/ada/work/shop is not there.',
	evidence: [],
	next_step: 'Plug the disk in, or choose where the folder is now. Every saved version is there.'
};

answer('project_folder', () => {
	if (state() === 'loading' && wanted === '') return never();
	return wanted === 'no-folder' ? null : '/home/ada/projects/shop';
});
answer('project_set_folder', (args) => ({ id: args['projectId'], seq: 0 }));
answer('file_list', ({ path }) => {
	if (state() === 'error') return fail(gone);
	if (wanted === 'none') return [];
	return folders[path as string] ?? [];
});

answer('file_read', ({ path }): FileReadView => {
	const name = path as string;
	if (state() === 'error') return fail(gone);
	if (name.endsWith('.png')) return read({ kind: 'image', url: logo }, 68);
	if (name.endsWith('.mp4')) return read({ kind: 'too_large', is_text: false }, 48_300_112);
	if (name.endsWith('.db')) return read({ kind: 'binary' }, 40_960);
	if (name === 'current') return read({ kind: 'link', target: '../releases/current' }, 0);
	const text = texts[name];
	const missing = {
		code: 'file_missing',
		message: `There is no “${name}” any more.`,
		evidence: [],
		next_step: 'Another program removed it. Look whether it was moved.'
	};
	if (text === undefined || (wanted === 'removed' && name === 'server.js')) return fail(missing);
	return textRead(text);
});

answer('file_write', (args): FileWritingView => {
	const { text } = args['text'] as { text: string };
	texts[args['path'] as string] = text;
	return { outcome: 'done', hash: hash(text), bytes: text.length };
});
answer('file_create', ({ path }) => {
	if (texts[path as string] === undefined) return null;
	return fail({
		code: 'file_exists',
		message: `There is a “${path as string}” already.`,
		evidence: [],
		next_step: 'Choose another name.'
	});
});
answer('file_move', () => null);
answer('file_take_in', () => ({
	paths: ['logo.svg'],
	files: 1,
	bytes: 2_048,
	left: [],
	windows: []
}));
answer('file_watch', ({ channel }) => {
	void (channel as Told<FolderNewsView>);
	return 1;
});
answer('file_keep_draft', () => null);
answer('file_forget_draft', () => null);
answer('file_drafts', (): DraftView[] => {
	if (!['conflict', 'removed', 'unsaved'].includes(wanted)) return [];
	const text = server
		.replace('?? 3000', '?? 8080')
		.replace("'text/html'", "'text/html; charset=utf-8'");
	const seen = wanted === 'conflict' ? hash('') : hash(server);
	return [{ path: 'server.js', text, ending: 'lf', has_mark: false, seen }];
});

let bin: BinEntryView[] = [
	{
		id: '2',
		path: 'public/old.css',
		is_folder: false,
		files: 1,
		bytes: 2_310,
		deleted_at: '2026-11-21T08:12:00.000Z'
	},
	{
		id: '1',
		path: 'legacy',
		is_folder: true,
		files: 42,
		bytes: 1_310_720,
		deleted_at: '2026-11-18T15:40:00.000Z'
	}
];
answer('file_delete', ({ path }) => {
	const entry = {
		id: '3',
		path: path as string,
		is_folder: false,
		files: 1,
		bytes: 512,
		deleted_at: '2026-11-21T09:00:00.000Z'
	};
	bin = [entry, ...bin];
	return entry;
});
answer('bin_list', () => (wanted === 'none' ? [] : bin));
answer('bin_restore', ({ id }) => {
	const found = bin.find((one) => one.id === id);
	bin = bin.filter((one) => one !== found);
	return { path: found?.path, was: found?.path };
});
answer('bin_empty', ({ id }) => {
	const going = bin.filter((one) => id === null || one.id === id);
	bin = bin.filter((one) => !going.includes(one));
	return { entries: going.length, bytes: going.reduce((sum, one) => sum + one.bytes, 0) };
});

/** Where a text stands in the fixtures. */
function found(query: QueryView, instead: string | null): FileHitsView[] {
	const want = query.text.toLowerCase();
	return Object.entries(texts).flatMap(([path, text]) => {
		const hits = text.split('\n').flatMap((line, index) => {
			const at = line.toLowerCase().indexOf(want);
			if (at < 0) return [];
			const hit = {
				line: index + 1,
				column: at,
				length: want.length,
				before: line.slice(0, at),
				found: line.slice(at, at + want.length),
				instead,
				after: line.slice(at + want.length)
			};
			return [hit];
		});
		return hits.length ? [{ path, hash: hash(text), hits, count: hits.length }] : [];
	});
}

answer('search_start', (args) => {
	const channel = args['channel'] as Told<SearchNewsView>;
	const query = args['query'] as QueryView;
	setTimeout(() => {
		for (const file of found(query, args['instead'] as string | null)) {
			channel.onmessage({ kind: 'found', file });
		}
		channel.onmessage({ kind: 'ended', files: Object.keys(texts).length, is_cut: false });
	}, 20);
	return 2;
});
answer('search_replace', ({ files }) => ({
	files: (files as unknown[]).length,
	hits: (files as unknown[]).length,
	left: []
}));
