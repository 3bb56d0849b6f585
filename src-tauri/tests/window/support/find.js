// Finds what a person or a screen reader would find: visible elements by role and name (WAI-ARIA
// 1.2; Accessible Name and Description Computation 1.2, as far as our pages go).
// Arguments: role and name.
const [wantedRole, wantedName] = arguments;

const tidy = (text) => (text ?? '').replace(/\s+/g, ' ').trim();

function implicit(element) {
	const tag = element.localName;
	if (tag === 'input') {
		const type = element.type;
		if (['button', 'submit', 'reset', 'image'].includes(type)) return 'button';
		if (type === 'checkbox' || type === 'radio') return type;
		if (type === 'number') return 'spinbutton';
		if (type === 'range') return 'slider';
		if (type === 'search') return 'searchbox';
		return type === 'hidden' ? '' : 'textbox';
	}
	if (tag === 'a') return element.hasAttribute('href') ? 'link' : '';
	if (tag === 'select') return element.multiple || element.size > 1 ? 'listbox' : 'combobox';
	if (/^h[1-6]$/.test(tag)) return 'heading';
	const known = {
		button: 'button', summary: 'button', textarea: 'textbox', option: 'option', nav: 'navigation',
		main: 'main', dialog: 'dialog', table: 'table', tr: 'row', td: 'cell', th: 'columnheader',
		ul: 'list', ol: 'list', li: 'listitem', img: 'img', article: 'article', form: 'form',
		aside: 'complementary', section: 'region', header: 'banner', footer: 'contentinfo',
		progress: 'progressbar', output: 'status', fieldset: 'group'
	};
	return known[tag] ?? '';
}

const role = (element) => element.getAttribute('role')?.split(' ')[0] ?? implicit(element);

// Text as it is read out: what is hidden from screen readers is left out.
function text(node) {
	if (node.nodeType === Node.TEXT_NODE) return node.data;
	if (node.nodeType !== Node.ELEMENT_NODE || node.getAttribute('aria-hidden') === 'true') return '';
	const label = node.getAttribute('aria-label');
	if (label) return label;
	if (node.localName === 'img') return node.alt;
	return [...node.childNodes].map(text).join(' ');
}

function name(element) {
	const ids = element.getAttribute('aria-labelledby')?.split(/\s+/) ?? [];
	const named = ids.map((id) => document.getElementById(id)).filter(Boolean).map(text).join(' ');
	if (tidy(named)) return tidy(named);
	const label = element.getAttribute('aria-label');
	if (tidy(label)) return tidy(label);
	const labels = [...(element.labels ?? [])].map(text).join(' ');
	if (tidy(labels)) return tidy(labels);
	if (element.alt) return tidy(element.alt);
	if (element.localName === 'fieldset') {
		const legend = element.querySelector('legend');
		if (legend) return tidy(text(legend));
	}
	const ownText = element.matches('input, select, textarea') ? '' : tidy(text(element));
	return ownText || tidy(element.title) || tidy(element.placeholder);
}

function shown(element) {
	if (element.closest('[inert], [aria-hidden="true"]')) return false;
	return element.checkVisibility({ visibilityProperty: true });
}

const candidates = [...document.querySelectorAll('*')].filter(
	(element) => role(element) === wantedRole && shown(element)
);
const exact = candidates.filter((element) => name(element) === wantedName);
const found = exact.length > 0 ? exact : candidates.filter((each) => name(each).includes(wantedName));
// Of two that are named alike, the one in front counts: a dialog or a drawer comes last.
const element = found.at(-1) ?? null;
return {
	element,
	disabled: element !== null && (element.disabled === true || element.getAttribute('aria-disabled') === 'true'),
	why: element?.title ?? '',
	there: candidates.map(name)
};
