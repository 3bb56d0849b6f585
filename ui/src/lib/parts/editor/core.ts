/** The editor's own code, loaded when the first text is shown. */
import {
	autocompletion,
	closeBrackets,
	closeBracketsKeymap,
	completionKeymap
} from '@codemirror/autocomplete';
import {
	defaultKeymap,
	history,
	historyField,
	historyKeymap,
	indentWithTab
} from '@codemirror/commands';
import {
	bracketMatching,
	foldGutter,
	foldKeymap,
	HighlightStyle,
	indentOnInput,
	indentUnit,
	syntaxHighlighting
} from '@codemirror/language';
import {
	highlightSelectionMatches,
	openSearchPanel,
	search,
	searchKeymap
} from '@codemirror/search';
import { Compartment, EditorState, Prec, Transaction, type Extension } from '@codemirror/state';
import {
	drawSelection,
	dropCursor,
	EditorView,
	highlightActiveLine,
	highlightActiveLineGutter,
	highlightSpecialChars,
	keymap,
	lineNumbers,
	rectangularSelection
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { replacement } from './change';
import { indentOf } from './indent';
import { languageOf } from './languages';
import type { EditorStyle } from './style';

/** What an editor remembers of a text while another one is shown: its undo steps, its place. */
export interface EditorMemory {
	state?: unknown;
	top?: number;
}

export interface EditorOptions {
	box: HTMLElement;
	text: string;
	/** The file's name, which tells its language. */
	name: string;
	/** What it is, for whoever cannot see it. */
	label: string;
	readonly: boolean;
	style: EditorStyle;
	memory: EditorMemory | undefined;
	onchange: (text: string) => void;
	onsave: () => void;
}

/** An editor in a box. */
export interface OpenEditor {
	/** Puts in a text from outside; cursor and scroll stay where the text around them stays. */
	show: (text: string) => void;
	lock: (readonly: boolean) => void;
	speak: (name: string) => void;
	dress: (style: EditorStyle) => void;
	focus: () => void;
	/** Goes to a place: line from 1, column from 0, in UTF-16 units; marks so many units from there. */
	goTo: (line: number, column: number, length?: number) => void;
	find: () => void;
	close: () => void;
}

/** Colours are tokens, so that the theme is the window's own. */
const look = EditorView.theme({
	'&': {
		height: '100%',
		backgroundColor: 'var(--ground)',
		color: 'var(--text)',
		fontSize: 'var(--editor-size, var(--size-text))'
	},
	'&.cm-focused': { outline: 'none' },
	'.cm-scroller': { fontFamily: 'var(--font-code)', lineHeight: '1.54', overflow: 'auto' },
	'.cm-content': { caretColor: 'var(--text)', padding: '8px 0', cursor: 'text' },
	'.cm-line': { padding: '0 12px 0 6px' },
	'.cm-cursor, .cm-dropCursor': { borderLeftColor: 'var(--text)', borderLeftWidth: '2px' },
	'.cm-gutters': {
		backgroundColor: 'var(--ground)',
		color: 'var(--faint)',
		border: 'none',
		paddingLeft: '4px'
	},
	'.cm-activeLine': { backgroundColor: 'var(--hover)' },
	'.cm-activeLineGutter': { backgroundColor: 'var(--hover)', color: 'var(--text)' },
	'&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
		{ background: 'var(--accent-soft) !important' },
	'.cm-content ::selection, .cm-content::selection': { color: 'inherit' },
	'.cm-selectionMatch': { backgroundColor: 'var(--quiet-soft)' },
	'.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
		backgroundColor: 'var(--quiet-soft)',
		outline: '1px solid var(--edge)'
	},
	'.cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket': {
		backgroundColor: 'var(--bad-soft)'
	},
	'.cm-searchMatch': { backgroundColor: 'var(--warn-soft)', outline: '1px solid var(--warn)' },
	'.cm-searchMatch-selected': { backgroundColor: 'var(--accent-soft)' },
	'.cm-specialChar': { color: 'var(--bad)' },
	'.cm-foldPlaceholder': {
		backgroundColor: 'var(--quiet-soft)',
		border: '1px solid var(--line-strong)',
		color: 'var(--muted)',
		padding: '0 4px'
	},
	'.cm-foldGutter .cm-gutterElement': { color: 'var(--faint)', cursor: 'pointer' },
	'.cm-panels': {
		backgroundColor: 'var(--raised)',
		color: 'var(--text)',
		fontFamily: 'var(--font-text)'
	},
	'.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--line)' },
	'.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
	'.cm-panel.cm-search': {
		padding: '8px 32px 8px 12px',
		display: 'flex',
		flexWrap: 'wrap',
		alignItems: 'center',
		gap: '6px'
	},
	'.cm-panel.cm-search br': { display: 'none' },
	'.cm-panel.cm-search label': {
		display: 'inline-flex',
		alignItems: 'center',
		gap: '4px',
		fontSize: 'var(--size-small)',
		margin: '0'
	},
	'.cm-panel.cm-search input[type=checkbox]': { margin: '0', accentColor: 'var(--accent-strong)' },
	'.cm-textfield': {
		height: '28px',
		margin: '0',
		padding: '0 8px',
		border: '1px solid var(--edge)',
		borderRadius: 'var(--radius)',
		backgroundColor: 'var(--ground)',
		color: 'var(--text)',
		fontSize: 'var(--size-small)'
	},
	'.cm-button': {
		height: '28px',
		margin: '0',
		padding: '0 9px',
		border: '1px solid var(--line-strong)',
		borderRadius: 'var(--radius)',
		background: 'var(--raised)',
		color: 'var(--text)',
		fontSize: 'var(--size-small)'
	},
	'.cm-button:hover': { borderColor: 'var(--edge)' },
	'.cm-panel.cm-search [name=close]': {
		top: '8px',
		right: '8px',
		width: '24px',
		height: '24px',
		color: 'var(--muted)',
		fontSize: '16px'
	},
	'.cm-tooltip': {
		border: '1px solid var(--line-strong)',
		borderRadius: 'var(--radius)',
		backgroundColor: 'var(--raised)',
		color: 'var(--text)'
	},
	'.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-code)' },
	'.cm-tooltip-autocomplete ul li[aria-selected]': {
		backgroundColor: 'var(--accent-soft)',
		color: 'var(--text)'
	},
	'.cm-completionDetail': { color: 'var(--muted)' }
});

const colours = HighlightStyle.define([
	{ tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: 'var(--accent)' },
	{ tag: [tags.string, tags.special(tags.string), tags.regexp], color: 'var(--good)' },
	{ tag: [tags.number, tags.bool, tags.null, tags.atom, tags.unit], color: 'var(--warn)' },
	{ tag: [tags.comment, tags.meta, tags.docComment], color: 'var(--faint)', fontStyle: 'italic' },
	{ tag: [tags.typeName, tags.className, tags.namespace], color: 'var(--live)' },
	{
		tag: [tags.function(tags.variableName), tags.function(tags.propertyName)],
		color: 'var(--live)'
	},
	{ tag: [tags.tagName, tags.angleBracket], color: 'var(--accent)' },
	{ tag: [tags.attributeName, tags.propertyName], color: 'var(--live)' },
	{ tag: [tags.heading, tags.strong], color: 'var(--text)', fontWeight: '600' },
	{ tag: tags.emphasis, fontStyle: 'italic' },
	{ tag: [tags.link, tags.url], color: 'var(--link)', textDecoration: 'underline' },
	{ tag: [tags.operator, tags.punctuation, tags.bracket, tags.separator], color: 'var(--muted)' },
	{ tag: tags.inserted, color: 'var(--good)' },
	{ tag: tags.deleted, color: 'var(--bad)' },
	{ tag: tags.invalid, color: 'var(--bad)' }
]);

/** What every text is shown with, editable or not. */
export const shown: Extension[] = [
	// A text is what its bytes say: only `\n` ends a line, so that nothing is rewritten unseen.
	EditorState.lineSeparator.of('\n'),
	highlightSpecialChars(),
	drawSelection(),
	syntaxHighlighting(colours),
	look
];

function fixed(readonly: boolean): Extension {
	return [
		EditorState.readOnly.of(readonly),
		EditorView.contentAttributes.of({ 'aria-readonly': String(readonly) })
	];
}

/** What the person prefers, for a text as it was when it was opened. */
function dressing(style: EditorStyle, text: string, name: string): Extension {
	const spaces = ' '.repeat(style.tabWidth);
	// Python's own rule is four spaces; a tab among them is an error.
	const usual = name.endsWith('.py') ? '    ' : style.indent === 'tabs' ? '\t' : spaces;
	return [
		style.lineNumbers ? lineNumbers() : [],
		style.wrap ? EditorView.lineWrapping : [],
		style.closeBrackets ? closeBrackets() : [],
		indentUnit.of(indentOf(text, usual)),
		EditorState.tabSize.of(style.tabWidth),
		EditorView.theme({ '&': { '--editor-size': `${style.fontSize}px` } })
	];
}

/** Loads a file's grammar into a compartment of a view; a plain text stays plain. */
export function speak(view: EditorView, language: Compartment, name: string): void {
	const load = languageOf(name);
	if (!load) return view.dispatch({ effects: language.reconfigure([]) });
	void load()
		// Coloured or not, the text is there.
		.catch((): Extension => [])
		.then((grammar) => view.dispatch({ effects: language.reconfigure(grammar) }));
}

/** Opens an editor. */
export function openEditor(options: EditorOptions): OpenEditor {
	const { box, label, memory } = options;
	const language = new Compartment();
	const lockable = new Compartment();
	let fromOutside = false;
	const dressed = new Compartment();
	const dress = (style: EditorStyle): Extension => dressing(style, options.text, options.name);
	const extensions: Extension[] = [
		shown,
		dressed.of(dress(options.style)),
		foldGutter(),
		history(),
		dropCursor(),
		// Another system's line ends would be letters here, and come twice where the file has them.
		EditorView.clipboardInputFilter.of((text) => text.replace(/\r\n?/g, '\n')),
		EditorState.allowMultipleSelections.of(true),
		rectangularSelection(),
		indentOnInput(),
		bracketMatching(),
		autocompletion(),
		highlightActiveLine(),
		highlightActiveLineGutter(),
		highlightSelectionMatches(),
		search({ top: true }),
		Prec.highest(
			keymap.of([
				{
					key: 'Mod-s',
					run: () => {
						options.onsave();
						return true;
					}
				}
			])
		),
		keymap.of([
			...closeBracketsKeymap,
			...defaultKeymap,
			...searchKeymap,
			...historyKeymap,
			...foldKeymap,
			...completionKeymap,
			indentWithTab
		]),
		EditorView.contentAttributes.of({ tabindex: '0', 'aria-label': label, spellcheck: 'false' }),
		lockable.of(fixed(options.readonly)),
		language.of([]),
		EditorView.updateListener.of((update) => {
			if (update.docChanged && !fromOutside) options.onchange(update.state.doc.toString());
		})
	];
	const view = new EditorView({
		parent: box,
		state: remembered(memory, options.text, extensions)
	});
	const top = memory?.top;
	if (top) requestAnimationFrame(() => (view.scrollDOM.scrollTop = top));
	return {
		show(text) {
			const change = replacement(view.state.doc.toString(), text);
			if (!change) return;
			fromOutside = true;
			// What another program wrote is no step of this person's to be undone.
			view.dispatch({ changes: change, annotations: Transaction.addToHistory.of(false) });
			fromOutside = false;
		},
		lock: (readonly) => view.dispatch({ effects: lockable.reconfigure(fixed(readonly)) }),
		speak: (file) => speak(view, language, file),
		dress: (style) => view.dispatch({ effects: dressed.reconfigure(dress(style)) }),
		focus: () => view.focus(),
		goTo(line, column, length = 0) {
			const { doc } = view.state;
			const found = doc.line(Math.max(1, Math.min(line, doc.lines)));
			const anchor = Math.min(found.from + column, found.to);
			const head = Math.min(anchor + length, doc.length);
			view.dispatch({
				selection: { anchor, head },
				effects: EditorView.scrollIntoView(anchor, { y: 'center' })
			});
			view.focus();
		},
		find: () => void openSearchPanel(view),
		close() {
			if (memory) {
				memory.state = view.state.toJSON({ history: historyField });
				memory.top = view.scrollDOM.scrollTop;
			}
			view.destroy();
		}
	};
}

/** The state of before, when it is of this text still. */
function remembered(
	memory: EditorMemory | undefined,
	text: string,
	extensions: Extension[]
): EditorState {
	if (memory?.state) {
		try {
			const state = EditorState.fromJSON(memory.state, { extensions }, { history: historyField });
			if (state.doc.toString() === text) return state;
		} catch {
			// What was remembered cannot be read any more: the text itself is what counts.
		}
	}
	return EditorState.create({ doc: text, extensions });
}
