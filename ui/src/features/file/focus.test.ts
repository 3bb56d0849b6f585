import { render, screen, waitFor } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import type { TreeEntryView } from '$ipc';
import FileTree from './FileTree.svelte';
import TabBar from './TabBar.svelte';
import { Tab, type Files } from './tab.svelte';
import { Tree } from './tree.svelte';

const entry = (name: string): TreeEntryView => ({
	name,
	kind: 'file',
	target: '',
	bytes: 0,
	is_ignored: false,
	windows: null
});

test('a line that goes while it has the focus gives it to the one that takes its place', async () => {
	let names = ['a', 'b', 'c'];
	const tree = new Tree(() => Promise.resolve(names.map(entry)));
	await tree.load('');
	const none = (): void => undefined;
	const props = {
		tree,
		current: '',
		selected: 'b',
		unsaved: [],
		over: null,
		onopen: none,
		onrename: none,
		ondelete: none,
		onmove: none,
		onselect: (path: string): void => void shown.rerender({ ...props, selected: path })
	};
	const shown = render(FileTree, props);
	screen.getByRole('treeitem', { name: 'b' }).focus();
	names = ['a', 'c'];
	await tree.load('');
	await waitFor(() =>
		expect(document.activeElement).toBe(screen.getByRole('treeitem', { name: 'c' }))
	);
	names = ['a'];
	await tree.load('');
	await waitFor(() =>
		expect(document.activeElement).toBe(screen.getByRole('treeitem', { name: 'a' }))
	);
});

test('a tab that is closed while it has the focus gives it to the one that is shown then', async () => {
	const files = { kept: () => undefined } as unknown as Files;
	const [first, second] = [new Tab(files, 'a.txt'), new Tab(files, 'b.txt')];
	const none = (): void => undefined;
	const props = { tabs: [first, second], current: second, onselect: none, onclose: none };
	const bar = render(TabBar, props);
	screen.getByRole('tab', { name: 'b.txt' }).focus();
	await bar.rerender({ ...props, tabs: [first], current: first });
	expect(document.activeElement).toBe(screen.getByRole('tab', { name: 'a.txt' }));
});
