import { expect, test } from 'vitest';
import {
	draftOf,
	groups,
	homeless,
	isShown,
	items,
	itemsText,
	pairs,
	pairsText,
	problemOf,
	toggled
} from './logic';
import type { FieldKindModel, FieldModel, FormModel } from './types';

function field(name: string, rest: Partial<FieldModel> = {}): FieldModel {
	const kind: FieldKindModel = { kind: 'text' };
	return {
		name,
		label: name,
		help: '',
		placeholder: '',
		unit: '',
		group: '',
		required: false,
		kind,
		shown_when: null,
		...rest
	};
}

const form: FormModel = {
	id: 'service',
	fields: [
		field('source'),
		field('branch', { shown_when: { field: 'source', values: ['git'] } }),
		field('deep', { shown_when: { field: 'branch', values: ['main'] }, group: 'Git' }),
		field('port', { group: 'Network' }),
		field('token', { kind: { kind: 'secret' } })
	]
};

test('a field is asked only with the values that call for it', () => {
	expect(
		groups(form, { source: 'folder' }).flatMap(({ fields }) => fields.map((f) => f.name))
	).toEqual(['source', 'token', 'port']);
	expect(groups(form, { source: 'git', branch: 'main' }).map(({ title }) => title)).toEqual([
		'',
		'Git',
		'Network'
	]);
});

test('what hangs on a question that is not asked is not asked', () => {
	const deep = form.fields[2] as FieldModel;
	expect(isShown(deep, form, { source: 'folder', branch: 'main' })).toBe(false);
	expect(isShown(deep, form, { source: 'git', branch: 'main' })).toBe(true);
});

test('a draft holds no secret', () => {
	expect(draftOf(form, { source: 'git', token: 'hunter2' })).toEqual({ source: 'git' });
});

test('a problem of a field that is not on the screen is said above the form', () => {
	const problems = [
		{ field: 'branch', message: 'There is no such branch.' },
		{ field: 'port', message: 'From 1 to 65535.' }
	];
	expect(homeless(form, { source: 'folder' }, problems).map((p) => p.field)).toEqual(['branch']);
	expect(homeless(form, { source: 'git' }, problems)).toEqual([]);
	expect(problemOf('port', problems)).toBe('From 1 to 65535.');
	expect(problemOf('source', problems)).toBe('');
});

test('items and pairs that a line cannot hold read back exactly', () => {
	const hard = ['plain', ' blanks ', '"quoted"', 'two\nlines', 'a=b'];
	expect(items(itemsText(hard))).toEqual(hard);
	const names = hard.map((value, index) => ({ name: `N${index}`, value }));
	expect(pairs(pairsText(names))).toEqual(names);
	expect(pairs('EMPTY=')).toEqual([{ name: 'EMPTY', value: '' }]);
});

test('a row in which nothing stands yet is not in the text', () => {
	expect(itemsText(['a', ''])).toBe('a');
	expect(pairsText([{ name: '', value: '' }])).toBe('');
});

test('a broken quote stays as it was typed, for the rules to speak about', () => {
	expect(items('"half')).toEqual(['"half']);
});

test('of several, the chosen stand in the order of the options', () => {
	expect(toggled('c', 'a', ['a', 'b', 'c'])).toBe('a\nc');
	expect(toggled('a\nc', 'a', ['a', 'b', 'c'])).toBe('c');
});
