/** A shop's versions: a year of them, of which the last few say what happened. */
import type {
	CheckedView,
	ImportedVersionView,
	NodeView,
	OpenFormView,
	PrunableView,
	SavingNewsView,
	VersionCauseView,
	VersionDifferenceView,
	VersionEntryView,
	VersionFileView,
	VersionView
} from '$ipc';
import { answer, asked, fail, openForm, state, stated, type Told } from './answer';
import forms from './forms.json';
import { shop } from './project';

const NEWEST = 240;
const TOLD: Record<number, { message: string; cause?: VersionCauseView; added?: number }> = {
	240: { message: 'New prices for December', added: 4_210 },
	239: { message: 'Before shop/production/web was deployed', cause: 'before_deploy', added: 812 },
	238: { message: 'Photographs of the new shelf', added: 2_480_113 },
	237: { message: 'Before version 231 was restored', cause: 'before_restore', added: 1_204 },
	236: { message: 'shop-2025.zip', cause: 'imported', added: 0 }
};

const hash = (seed: number): string => {
	let text = '';
	for (let at = 0; text.length < 64; at += 1)
		text += ((seed * 2_654_435_761 + at * 40_503) >>> 0).toString(16).padStart(8, '0');
	return text.slice(0, 64);
};

const idOf = (number: number): string =>
	`0193b7d4-0000-7000-8000-${String(number).padStart(12, '0')}`;

const version = (number: number): VersionView => {
	const told = TOLD[number];
	const automatic = !told && number % 3 === 0;
	return {
		id: idOf(number),
		project_id: shop,
		number,
		root: hash(number),
		message: told?.message ?? (automatic ? '' : `Work on the checkout, part ${number}`),
		cause: told?.cause ?? (automatic ? 'before_deploy' : 'saved'),
		name: number === 231 ? 'black-friday' : null,
		pinned: number === 238 || number === 231,
		author: number % 5 === 0 ? 'grace@laptop' : 'ada@desk',
		files: 412 + (number % 7),
		bytes: 18_400_000 + number * 900,
		added_bytes: told?.added ?? (number % 4) * 1_733,
		created_at: new Date(Date.now() - (NEWEST - number) * 5.5 * 3_600_000 - 240_000).toISOString()
	};
};

const all = Array.from({ length: NEWEST }, (_, at) => version(NEWEST - at));

const file = (seed: number, bytes: number): NodeView => ({
	kind: 'file',
	bytes,
	hash: hash(seed),
	executable: false
});

const differences: VersionDifferenceView[] = [
	{ path: 'README.md', before: file(1, 1_204), after: file(2, 1_290) },
	{ path: 'public/logo.png', before: file(3, 2_114), after: file(4, 2_530) },
	{ path: 'src/data/archive.bin', before: file(5, 88_112), after: file(6, 90_244) },
	{ path: 'src/old-prices.ts', before: file(7, 630), after: null },
	{ path: 'src/prices.ts', before: file(8, 1_032), after: file(9, 1_120) },
	{ path: 'src/sale.ts', before: null, after: file(10, 415) }
];

const folder = (files: number, bytes: number): NodeView => ({ kind: 'folder', files, bytes });
const tree: Record<string, VersionEntryView[]> = {
	'': [
		{ name: '.gitignore', node: file(20, 64) },
		{ name: 'Dockerfile', node: file(21, 480) },
		{ name: 'README.md', node: file(2, 1_290) },
		{ name: 'current', node: { kind: 'link', target: 'src/prices.ts' } },
		{ name: 'package.json', node: file(22, 890) },
		{ name: 'public', node: folder(31, 12_400_000) },
		{ name: 'src', node: folder(377, 5_900_000) }
	],
	public: [{ name: 'logo.png', node: file(4, 2_530) }],
	src: [
		{ name: 'data', node: folder(2, 90_244) },
		{ name: 'prices.ts', node: file(9, 1_120) },
		{ name: 'sale.ts', node: file(10, 415) }
	],
	'src/data': [{ name: 'archive.bin', node: file(6, 90_244) }]
};

const prices = (bread: string, extra: string): string =>
	`/** What everything costs, in cents. */
export const prices = {
	bread: ${bread},
	butter: 320,
	coffee: 890,${extra}
	tea: 410
};

export function total(basket: Record<keyof typeof prices, number>): number {
	return Object.entries(basket).reduce(
		(sum, [name, count]) => sum + prices[name as keyof typeof prices] * count,
		0
	);
}
`;

/** A square of one colour, drawn here so that no file is needed. */
function picture(colour: string): string {
	const canvas = document.createElement('canvas');
	canvas.width = canvas.height = 160;
	const context = canvas.getContext('2d');
	if (context) {
		context.fillStyle = colour;
		context.arc(80, 80, 64, 0, Math.PI * 2);
		context.fill();
		context.fillRect(0, 74, 160, 12);
	}
	return canvas.toDataURL('image/png');
}

function fileOf(path: string, old: boolean): VersionFileView {
	const node = differences.find((one) => one.path === path)?.[old ? 'before' : 'after'];
	const is = node ?? file(path.length, 480);
	if (path === 'current')
		return { node: { kind: 'link', target: 'src/prices.ts' }, shown: { as: 'too_large' } };
	if (path.endsWith('.png'))
		return { node: is, shown: { as: 'picture', content: picture(old ? 'teal' : 'purple') } };
	if (path.endsWith('.bin')) return { node: is, shown: { as: 'binary' } };
	const text = path.endsWith('prices.ts')
		? prices(old ? '450' : '480', old ? '' : '\n\tgingerbread: 560,')
		: path.endsWith('.md')
			? `# Shop\n\nBread, butter, coffee.\n${old ? '' : '\nNew in December: gingerbread.\n'}`
			: `// ${path}\nexport const sale = { from: '2026-12-01', percent: 15 };\n`;
	return { node: is, shown: { as: 'text', content: text } };
}

stated(
	'version_list',
	() => all,
	() => []
);
answer('version_compare', ({ before, after }) => {
	if (state() === 'error') return fail();
	return before === after || after === idOf(236) ? [] : differences;
});
answer('version_entries', ({ path }) => tree[path as string] ?? []);
answer('version_file', ({ versionId, path }) => fileOf(path as string, versionId !== idOf(NEWEST)));
answer('version_save', (args) => {
	if (asked('save') === 'refused') {
		fail({
			code: 'files_unreadable',
			message: 'Nothing was saved, because of data/orders.db: permission denied.',
			evidence: [],
			next_step:
				'Close the programs that use these files or correct their permissions; or name them in .plimsollignore.',
			retryable: false
		});
	}
	const channel = args['channel'] as Told<SavingNewsView>;
	setTimeout(() => {
		channel.onmessage({ kind: 'seen', files: 12_480, bytes_read: 88_300_000 });
		if (asked('save') === 'slow') return;
		channel.onmessage({
			kind: 'saved',
			receipt: { id: idOf(NEWEST), seq: 1 },
			refused_by_windows:
				asked('save') === 'foreign'
					? [
							'src/aux.ts: it is the name of a device',
							'notes/what?.md: it contains one of < > : " | ? * \\'
						]
					: []
		});
	}, 20);
	return 3;
});
answer('version_restore', () => ({
	before: version(NEWEST),
	written: 3,
	removed: 1,
	left: ['src/prices.ts: it was changed since it was saved']
}));
for (const act of ['version_activate', 'version_name', 'version_pin'])
	answer(act, () => ({ id: idOf(NEWEST), seq: 1 }));
answer('version_import', (): ImportedVersionView => {
	const isOdd = asked('import') === 'odd';
	return {
		receipt: { id: idOf(NEWEST), seq: 1 },
		left_out: isOdd ? ['.git'] : [],
		read_as_437: isOdd ? ['caf\u00e9.txt'] : [],
		refused_by_windows: isOdd ? ['src/aux.ts: it is the name of a device'] : []
	};
});
answer('project_set_settings', () => ({ id: shop, seq: 1 }));
const prunable: PrunableView = {
	versions: all.slice(50).filter(({ pinned, name }) => !pinned && !name),
	waste_bytes: 41_200_000,
	freed_bytes: 0
};
answer('version_prunable', () => prunable);
answer('version_prune', () => prunable);
answer('version_export', () => null);
const checked: CheckedView = {
	packs: 6,
	proved: asked('check') === 'hurt' ? 4_120 : 4_866,
	damaged_packs: asked('check') === 'hurt' ? [hash(99)] : [],
	hurt:
		asked('check') === 'hurt'
			? [
					{
						project: 'shop',
						version: version(238),
						paths: ['public/shelf-1.jpg', 'public/shelf-2.jpg']
					}
				]
			: []
};
answer('version_check', () => checked);
answer('version_repair', () => ({
	struck: 2,
	found: 1,
	unsaved: [],
	left: { ...checked, damaged_packs: [], hurt: [] }
}));
answer('version_plan_deploy', () =>
	fail({
		code: 'environment_without_servers',
		message: 'The environment shop/staging has no servers.',
		evidence: [],
		next_step: 'Give it at least one server.',
		retryable: false
	})
);
openForm('project_settings', forms.project_settings as OpenFormView);
