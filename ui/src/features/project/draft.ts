import type { FormView, OpenFormView } from '$ipc';

type Values = Record<string, string>;

/** What a form begins with: how things are, then what is preset, then what somebody had typed. */
export function begun(
	opened: OpenFormView,
	preset: Values,
	startedOver: boolean
): { values: Values; restored: boolean } {
	const values = { ...opened.values, ...preset };
	const draft = startedOver ? null : opened.draft;
	if (!draft) return { values, restored: false };
	// A draft that says what stands there already is nothing to speak of.
	const restored = Object.entries(draft).some(([name, value]) => value !== (values[name] ?? ''));
	return { values: { ...values, ...draft }, restored };
}

/** Whether a form has a field, so that what is wrong with it can be said beside it. */
export function shownIn(form: FormView, field: string): boolean {
	return field !== '' && form.fields.some(({ name }) => name === field);
}
