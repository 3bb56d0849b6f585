/** The walls between the rooms of `src`: which may import which, whatever way the path is written. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../src', import.meta.url));
const aliases = {
	$ipc: 'lib/ipc',
	$models: 'lib/models',
	$parts: 'lib/parts',
	$features: 'features',
	$pages: 'pages',
	$mock: 'mock'
};

/** What each room may import, besides itself, and why no more. */
const rooms = {
	ipc: { may: [], why: 'The door to the engine knows nobody behind it.' },
	parts: { may: [], why: 'Parts know no domain word: give them data and callbacks.' },
	models: { may: ['ipc'], why: 'Models know $ipc only.' },
	features: {
		may: ['models', 'parts', 'ipc'],
		why: 'A feature imports $parts, $models and $ipc, never another feature: pages compose them.'
	},
	pages: { may: ['features', 'models', 'parts', 'ipc'], why: 'Pages compose features.' },
	mock: { may: ['ipc', 'models', 'parts'], why: 'Fixtures know data, not screens.' },
	root: { may: ['pages', 'features', 'models', 'parts', 'ipc', 'mock'], why: '' }
};

/** The file that an import means; null for packages. */
export function target(source, file) {
	const [head, ...rest] = source.split('/');
	const base = aliases[head]
		? path.join(src, aliases[head], ...rest)
		: source.startsWith('.')
			? path.resolve(path.dirname(file), source)
			: null;
	if (base === null) return null;
	const tries = ['', '.ts', '.svelte', '.svelte.ts', '/index.ts'].map((end) => base + end);
	return tries.find((name) => /\.\w+$/.test(name) && existsSync(name)) ?? base;
}

/** The room of a file and, among the features, which of them. */
function roomOf(file) {
	const parts = path.relative(src, file).split(path.sep);
	if (parts[0] === '..' || parts.length === 1) return { room: 'root', of: '' };
	const room = parts[0] === 'lib' ? parts[1] : parts[0];
	return { room: room in rooms ? room : 'root', of: room === 'features' ? parts[1] : '' };
}

/** Resolves our aliases for the rule against import cycles. */
export const resolver = {
	interfaceVersion: 3,
	name: 'aliases',
	resolve(source, file) {
		const found = target(source, file);
		return found && existsSync(found) ? { found: true, path: found } : { found: false };
	}
};

const rule = {
	meta: {
		type: 'problem',
		schema: [],
		messages: {
			wall: '{{from}} may not import {{to}}. {{why}}',
			tauri: 'Only lib/ipc talks to Tauri.'
		}
	},
	create(context) {
		const { room, of } = roomOf(context.filename);
		const isTest = /\.test\.ts$/.test(context.filename);
		function look(node) {
			const source = node.source?.value;
			if (typeof source !== 'string') return;
			if (source.startsWith('@tauri-apps/')) {
				const pretends = room === 'mock' && source === '@tauri-apps/api/mocks';
				if (room !== 'ipc' && !isTest && !pretends) context.report({ node, messageId: 'tauri' });
				return;
			}
			const file = target(source, context.filename);
			if (file === null) return;
			const to = roomOf(file);
			const same = to.room === room && to.of === of;
			if (same || rooms[room].may.includes(to.room) || (isTest && to.room === 'mock')) return;
			const name = (place) => [place.room, place.of].filter(Boolean).join('/');
			context.report({
				node,
				messageId: 'wall',
				data: { from: name({ room, of }), to: name(to), why: rooms[room].why }
			});
		}
		return {
			ImportDeclaration: look,
			ImportExpression: look,
			ExportNamedDeclaration: look,
			ExportAllDeclaration: look
		};
	}
};

export default { rules: { walls: rule } };
