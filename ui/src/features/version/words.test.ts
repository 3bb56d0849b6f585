import { expect, it } from 'vitest';
import type { NodeView, VersionView } from '$ipc';
import { described, remarks, said, summed } from './words';

const file: NodeView = { kind: 'file', bytes: 1_500, hash: 'ab'.repeat(32), executable: false };
const version: VersionView = {
	id: 'v',
	project_id: 'p',
	number: 3,
	root: 'ab',
	message: '',
	cause: 'before_deploy',
	name: null,
	pinned: false,
	author: 'ada@desk',
	files: 2,
	bytes: 3_000,
	added_bytes: 200,
	created_at: '2026-11-20T10:00:00.000Z'
};

it('a version without a message says why it was saved', () => {
	expect(said(version)).toBe('Before a deployment');
	expect(said({ ...version, message: 'New prices\n\nfor December' })).toBe('New prices');
});

it('what stands under a name is told by its kind', () => {
	expect(described(null)).toBe('Not there');
	expect(described(file)).toBe('1.5 kB · abababababab');
	expect(described({ kind: 'link', target: '../x' })).toBe('A link to ../x');
	expect(described({ kind: 'folder', files: 1, bytes: 3 })).toBe('A folder, 1 file');
});

it('differences are counted by their kind', () => {
	const differences = [
		{ path: 'a', before: null, after: file },
		{ path: 'b', before: file, after: null },
		{ path: 'c', before: file, after: file },
		{ path: 'd', before: file, after: file }
	];
	expect(summed(differences)).toBe('1 added, 2 changed, 1 removed');
	expect(summed([])).toBe('Nothing differs');
});

it('only what there is about an archive is told', () => {
	const taken = {
		receipt: { id: 'v', seq: 4 },
		left_out: ['.git'],
		read_as_437: [],
		refused_by_windows: ['aux.c: it is the name of a device']
	};
	expect(remarks(taken).map(({ names }) => names)).toEqual([
		['.git'],
		['aux.c: it is the name of a device']
	]);
	expect(remarks({ ...taken, left_out: [], refused_by_windows: [] })).toEqual([]);
});
