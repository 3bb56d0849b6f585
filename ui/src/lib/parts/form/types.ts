/** A form as data: the shape of the engine's description, known here only by its form. */

export interface FormModel {
	id: string;
	fields: FieldModel[];
}

export interface FieldModel {
	name: string;
	label: string;
	help: string;
	placeholder: string;
	unit: string;
	group: string;
	required: boolean;
	kind: FieldKindModel;
	shown_when: { field: string; values: string[] } | null;
}

export interface ChoiceModel {
	value: string;
	label: string;
	help: string;
}

export type FieldKindModel =
	| { kind: 'text' }
	| { kind: 'multiline' }
	| { kind: 'secret' }
	| { kind: 'number'; min: number; max: number | null; decimals: number }
	| { kind: 'toggle' }
	| { kind: 'choice'; options: ChoiceModel[] }
	| { kind: 'several'; options: ChoiceModel[] }
	| { kind: 'list' }
	| { kind: 'pairs' }
	| { kind: 'folder' };

export interface FieldProblem {
	field: string;
	message: string;
}

/** What was typed, by field. Never holds what is not asked. */
export type FormValues = Record<string, string>;
