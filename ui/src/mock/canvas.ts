/** A canvas with a page, a style, a program and pictures; another that has only begun. */
import type { CanvasFileView, CanvasView } from '$ipc';
import { answer, asked, fail, never, state } from './answer';

const canvases: CanvasView[] = [
	{
		name: 'main',
		folder: '.canvas',
		has_page: true,
		hosts: ['fonts.example.com'],
		scripts_off: false
	},
	{
		name: 'landing',
		folder: '.canvases/landing',
		has_page: true,
		hosts: [],
		scripts_off: true
	}
];
answer('canvas_list', () => {
	if (state() === 'loading') return never();
	if (asked('canvas') === 'none')
		return [{ name: 'main', folder: '.canvas', has_page: false, hosts: [], scripts_off: false }];
	if (asked('canvas') === 'homeless')
		return fail({
			code: 'project_has_no_folder',
			message: 'This project has no folder here.',
			evidence: [],
			next_step: 'Adopt one for it: plimsoll project folder NAME DIR.'
		});
	if (state() === 'error')
		return fail({
			code: 'canvas_unreadable',
			message: 'Could not list .canvas.',
			evidence: ['Permission denied (os error 13)'],
			next_step: 'See whether the folder is there and may be read.'
		});
	return canvases;
});

const files: CanvasFileView[] = [
	{ path: 'assets/harbour.jpg', bytes: 482_133 },
	{ path: 'assets/inter.woff2', bytes: 112_040 },
	{ path: 'assets/shop.js', bytes: 1_904 },
	{ path: 'assets/style.css', bytes: 2_871 },
	{ path: 'index.html', bytes: 1_204 }
];
answer('canvas_files', () => files);
answer('canvas_create', () => null);
answer('canvas_add_asset', ({ name }) => `assets/${String(name)}`);
answer('canvas_draft', () => null);
answer('canvas_drafted', () => null);
answer('canvas_run_scripts', () => null);
answer('canvas_allow', () =>
	fail({
		code: 'invalid_canvas_host',
		message: '“*” is no host that a canvas could be allowed: name each host, without a star.',
		evidence: [],
		next_step: 'Name a host such as fonts.example.com, or localhost:3000.',
		retryable: false,
		field: ''
	})
);
answer('canvas_browse', () => 'http://127.0.0.1:41923/view/5f1c/');
answer('canvas_publish', () => ({ id: '0193a5c2-0000-7000-8000-00000000b001', seq: 1 }));

let streams = 9_000;
answer('canvas_follow', () => ++streams);

/** What the editor shows of its page. */
export const canvasPage = `<!doctype html>
<html lang="en">
	<head>
		<meta charset="utf-8" />
		<meta name="viewport" content="width=device-width, initial-scale=1" />
		<title>Harbour shop</title>
		<link rel="stylesheet" href="assets/style.css" />
	</head>
	<body>
		<header>
			<h1>Harbour shop</h1>
			<p>Ropes, lamps and charts, since 1876.</p>
		</header>
		<main>
			<article><h2>Hemp rope</h2><p>20 m, tarred</p></article>
			<article><h2>Storm lamp</h2><p>Brass, for oil</p></article>
			<article><h2>Chart 1407</h2><p>Firth of Forth</p></article>
		</main>
		<script type="module" src="assets/shop.js"></script>
	</body>
</html>
`;

answer('canvas_open', () => {
	if (state() === 'loading') return never();
	// Where the fixtures are served from, this file is as well.
	return '/src/mock/canvas.html';
});
