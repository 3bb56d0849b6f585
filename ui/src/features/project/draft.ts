import type { FormView, OpenFormView } from '$ipc';

type Values = Record<string, string>;

/** What stands in a form before anybody types: how things are, then what is preset. */
const before = (opened: OpenFormView, preset: Values): Values => ({ ...opened.values, ...preset });

/** The fields of a form that some are of, or are not. */
const only = (values: Values, form: FormView, of: boolean): Values =>
	Object.fromEntries(Object.entries(values).filter(([name]) => shownIn(form, name) === of));

/** What a form begins with: how things are, then what is preset, then what somebody had typed. */
export function begun(
	opened: OpenFormView,
	preset: Values,
	startedOver: boolean,
	form = opened.form
): { values: Values; restored: boolean } {
	const values = before(opened, preset);
	// What is not asked here was typed elsewhere, and nobody sees here that it would be sent.
	const draft = startedOver || !opened.draft ? null : only(opened.draft, form, true);
	if (!draft) return { values, restored: false };
	// A draft that says what stands there already is nothing to speak of.
	const restored = Object.entries(draft).some(([name, value]) => value !== (values[name] ?? ''));
	return { values: { ...values, ...draft }, restored };
}

/**
 * What is kept of a form: what somebody typed into it, and elsewhere into fields that it does not ask.
 * What nobody touched is left out, as it may be changed by others until the form is opened again.
 */
export function typedIn(opened: OpenFormView, preset: Values, form: FormView, now: Values): Values {
	const was = before(opened, preset);
	const typed = Object.entries(now).filter(
		([name, value]) => shownIn(form, name) && value !== (was[name] ?? '')
	);
	return { ...only(opened.draft ?? {}, form, false), ...Object.fromEntries(typed) };
}

/** Whether a form has a field, so that what is wrong with it can be said beside it. */
export function shownIn(form: FormView, field: string): boolean {
	return field !== '' && form.fields.some(({ name }) => name === field);
}
