import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { afterEach, expect, test, vi } from 'vitest';
import type { CanvasFileView, DraftView } from '$ipc';
import { draftsOf } from '$models/draft.svelte';
import { OpenCanvas } from './open.svelte';

type Args = Record<string, string>;

let projects = 0;
let chosen = $state('main');

/** A project with two canvases, whose answers may be held back or be others. */
async function canvases(answer: (command: string, args: Args) => unknown): Promise<OpenCanvas> {
	const id = `canvases ${(projects += 1)}`;
	chosen = 'main';
	mockIPC((command, given) => {
		const args = (given ?? {}) as Args;
		const own = answer(command, args);
		if (own !== undefined) return own;
		switch (command) {
			case 'canvas_list':
				return ['main', 'landing'].map((name) => ({
					name,
					folder: name === 'main' ? '.canvas' : `.canvases/${name}`,
					has_page: true,
					hosts: [],
					scripts_off: false
				}));
			case 'canvas_files':
				return [
					{ path: 'index.html', bytes: 1 },
					{ path: `${args['canvas']}.css`, bytes: 1 }
				];
			case 'file_read':
				return {
					content: { kind: 'text', text: args['path'], ending: 'lf', has_mark: false },
					bytes: 1,
					hash: `hash of ${args['path']}`,
					is_readonly: false
				};
			case 'file_drafts':
				return [];
			default:
				return null;
		}
	});
	const open = new OpenCanvas(id, () => chosen);
	await open.list.load();
	return open;
}

afterEach(() => clearMocks());

const paths = (files: readonly CanvasFileView[]): string[] => files.map(({ path }) => path);

test('of two canvases that are opened the later one is shown, whichever answers first', async () => {
	let answer = (): void => undefined;
	const open = await canvases((command, { canvas }) =>
		command === 'canvas_files' && canvas === 'main'
			? new Promise((done) => (answer = () => done([{ path: 'index.html', bytes: 1 }])))
			: undefined
	);
	const first = open.begin();
	await new Promise((done) => setTimeout(done, 20));
	chosen = 'landing';
	await open.begin();
	answer();
	await first;
	expect(open.prepared).toBe('landing');
	expect(paths(open.files)).toEqual(['index.html', 'landing.css']);
	expect(open.writing.text).toBe('.canvases/landing/index.html');
});

test('why a canvas could not be opened stays until it can, whatever else is done meanwhile', async () => {
	let is_away = true;
	const open = await canvases((command) => {
		if (command !== 'file_read' || !is_away) return undefined;
		throw { code: 'away', message: '', evidence: [], next_step: '', field: '' };
	});
	await open.begin();
	await open.listFiles();
	expect(open.refused?.error.code).toBe('away');
	expect(open.writing.saved).toBeNull();
	is_away = false;
	open.refused?.again();
	await vi.waitFor(() => expect(open.writing.saved).not.toBeNull());
	expect(open.refused).toBeNull();
});

test('what was typed in a canvas is known to the files at once, and what was typed there to it', async () => {
	const open = await canvases(() => undefined);
	const drafts = draftsOf(`canvases ${projects}`);
	const draft: DraftView = {
		path: '.canvas/main.css',
		text: 'typed in the files',
		ending: 'lf',
		has_mark: false,
		seen: 'hash of .canvas/main.css'
	};
	await open.begin();
	void drafts.keep(draft);
	open.writing.type('typed in the canvas');
	void open.leave();
	expect(drafts.all['.canvas/index.html']?.text).toBe('typed in the canvas');
	await open.write('main.css');
	expect([open.writing.text, open.writing.dirty]).toEqual(['typed in the files', true]);
});

test('a file that is put into the bin is open no more, and nothing of it is kept', async () => {
	const open = await canvases(() => undefined);
	const drafts = draftsOf(`canvases ${projects}`);
	await open.begin();
	await open.write('main.css');
	open.writing.type('typed');
	await open.removed('main.css');
	expect(open.writing.path).toBe('index.html');
	expect(drafts.all).toEqual({});
});
