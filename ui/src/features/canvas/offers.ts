import type { Action } from '$models/actions.svelte';
import { place } from '$models/place.svelte';
import type { CanvasActs } from './acts.svelte';
import type { OpenCanvas } from './open.svelte';

/** What is asked in a dialog of the canvas. */
export type Asking = 'hosts' | 'create' | 'publish';

/** Shows another canvas of the project. */
export function show(name: string): void {
	place.ask({ canvas: name === 'main' ? null : name });
}

/** Everything that can be done on the screen of a canvas. */
export function canvasActions(
	open: OpenCanvas,
	acts: CanvasActs,
	ask: (what: Asking) => void
): Action[] {
	const { canvas } = open;
	if (!canvas) return [];
	const offer = (id: string, title: string, run: () => void, keys?: string): Action => ({
		id: `canvas.${id}`,
		title,
		group: 'Canvas',
		run,
		...(keys ? { keys } : {})
	});
	const ofPage = [
		offer('save', 'Save the file of this canvas', () => void open.save(), 'mod+s'),
		offer('browse', 'Open this canvas in the browser', () => void acts.browse()),
		offer('publish', 'Publish this canvas', () => ask('publish'))
	];
	const ofScripts = [
		offer('scripts', 'Run the scripts of this canvas again', () => void acts.runScripts())
	];
	return [
		offer('create', 'Create canvas', () => ask('create')),
		offer('hosts', 'Choose the hosts that this canvas may reach', () => ask('hosts')),
		...(canvas.has_page
			? ofPage
			: [offer('begin', 'Begin this canvas with the starter', () => void acts.begin())]),
		...(canvas.scripts_off ? ofScripts : []),
		...(open.list.value ?? []).map(({ name }) =>
			offer(`show.${name}`, `Show canvas ${name}`, () => show(name))
		),
		...open.texts.map(({ path }) =>
			offer(`write.${path}`, `Write ${path}`, () => void open.write(path))
		)
	];
}
