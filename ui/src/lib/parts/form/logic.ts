import type { FieldModel, FieldProblem, FormModel, FormValues } from './types';

/** Whether a field is asked, given what stands in the others. */
export function isShown(field: FieldModel, form: FormModel, values: FormValues): boolean {
	const when = field.shown_when;
	if (!when) return true;
	const other = form.fields.find(({ name }) => name === when.field);
	// A question that hangs on one that is not asked is not asked either.
	if (other && other !== field && !isShown(other, form, values)) return false;
	return when.values.includes(values[when.field] ?? '');
}

/** The fields that are asked, under their headings, in their order. */
export function groups(
	form: FormModel,
	values: FormValues
): { title: string; fields: FieldModel[] }[] {
	const found: { title: string; fields: FieldModel[] }[] = [];
	for (const field of form.fields) {
		if (!isShown(field, form, values)) continue;
		const group = found.find(({ title }) => title === field.group);
		if (group) group.fields.push(field);
		else found.push({ title: field.group, fields: [field] });
	}
	return found;
}

/** What may be kept as a draft: everything but secrets. */
export function draftOf(form: FormModel, values: FormValues): FormValues {
	const secret = new Set(
		form.fields.filter(({ kind }) => kind.kind === 'secret').map(({ name }) => name)
	);
	return Object.fromEntries(Object.entries(values).filter(([name]) => !secret.has(name)));
}

/** The first thing that is wrong with a field. */
export function problemOf(field: string, problems: FieldProblem[]): string {
	return problems.find((problem) => problem.field === field)?.message ?? '';
}

/** Problems of fields that are not on the screen: said above the form, or they would be lost. */
export function homeless(
	form: FormModel,
	values: FormValues,
	problems: FieldProblem[]
): FieldProblem[] {
	const shown = new Set(
		form.fields.filter((field) => isShown(field, form, values)).map(({ name }) => name)
	);
	return problems.filter(({ field }) => !shown.has(field));
}

/** The items of a text, one a line; what a line cannot hold as it is stands there as JSON. */
export function items(text: string): string[] {
	return text
		.split('\n')
		.map((line) => line.trim())
		.filter((line) => line !== '')
		.map(unquoted);
}

/** The text of items; empty ones are rows in which nothing stands yet. */
export function itemsText(all: string[]): string {
	return all
		.filter((item) => item !== '')
		.map(quoted)
		.join('\n');
}

/** A name and its value. */
export interface Pair {
	name: string;
	value: string;
}

/** The pairs of a text of `NAME=value` lines. */
export function pairs(text: string): Pair[] {
	return text
		.split('\n')
		.map((line) => line.trim())
		.filter((line) => line !== '')
		.map((line) => {
			const at = line.indexOf('=');
			if (at < 0) return { name: line, value: '' };
			return { name: line.slice(0, at).trim(), value: unquoted(line.slice(at + 1).trim()) };
		});
}

/** The text of pairs; a row in which nothing stands yet is left out. */
export function pairsText(all: Pair[]): string {
	return all
		.filter(({ name, value }) => name !== '' || value !== '')
		.map(({ name, value }) => `${name}=${value === '' ? '' : quoted(value)}`)
		.join('\n');
}

function quoted(item: string): string {
	const plain = item.trim() === item && !item.startsWith('"') && !/[\n\r]/.test(item);
	return plain ? item : JSON.stringify(item);
}

function unquoted(item: string): string {
	if (!item.startsWith('"')) return item;
	try {
		const read: unknown = JSON.parse(item);
		return typeof read === 'string' ? read : item;
	} catch {
		return item;
	}
}

/** The values of a choice of several, with one of them put in or taken out, in the options' order. */
export function toggled(text: string, value: string, options: string[]): string {
	const chosen = new Set(items(text));
	if (!chosen.delete(value)) chosen.add(value);
	return options.filter((option) => chosen.has(option)).join('\n');
}
