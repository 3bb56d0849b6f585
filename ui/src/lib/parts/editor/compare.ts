/** Two texts side by side, loaded when the first comparison is shown. */
import { goToNextChunk, goToPreviousChunk, MergeView } from '@codemirror/merge';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { EditorView, keymap, lineNumbers } from '@codemirror/view';
import { defaultKeymap } from '@codemirror/commands';
import { search, searchKeymap } from '@codemirror/search';
import { shown, speak } from './core';

export interface CompareOptions {
	box: HTMLElement;
	before: string;
	after: string;
	name: string;
	labels: { before: string; after: string };
	/** Leaves out what is the same on both sides, but for some lines around. */
	collapse: boolean;
}

const look = EditorView.theme({
	'&.cm-merge-a .cm-changedLine, .cm-deletedChunk': { backgroundColor: 'var(--bad-soft)' },
	'&.cm-merge-b .cm-changedLine, .cm-inlineChangedLine': { backgroundColor: 'var(--good-soft)' },
	'&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText': {
		background: 'none',
		boxShadow: 'inset 0 -2px var(--bad)'
	},
	'&.cm-merge-b .cm-changedText': { background: 'none', boxShadow: 'inset 0 -2px var(--good)' },
	'&.cm-merge-a .cm-changedLineGutter': { background: 'var(--bad)' },
	'&.cm-merge-b .cm-changedLineGutter': { background: 'var(--good)' },
	'.cm-collapsedLines': {
		background: 'var(--quiet-soft)',
		color: 'var(--muted)',
		padding: '4px 12px',
		fontFamily: 'var(--font-text)',
		fontSize: 'var(--size-small)'
	}
});

/** Most milliseconds for telling apart what changed within lines. */
const PATIENCE_MS = 500;

/** Shows two texts side by side; answers what takes them away and what moves between changes. */
export function openCompare(options: CompareOptions): {
	next: () => void;
	previous: () => void;
	close: () => void;
} {
	const { box, before, after, name, labels, collapse } = options;
	const language = new Compartment();
	const side = (doc: string, label: string): { doc: string; extensions: Extension[] } => ({
		doc,
		extensions: [
			shown,
			lineNumbers(),
			look,
			// Half a window is narrow, and both sides stay in step.
			EditorView.lineWrapping,
			EditorState.readOnly.of(true),
			search({ top: true }),
			keymap.of([...defaultKeymap, ...searchKeymap]),
			EditorView.contentAttributes.of({
				tabindex: '0',
				'aria-label': label,
				'aria-readonly': 'true',
				spellcheck: 'false'
			}),
			language.of([])
		]
	});
	const view = new MergeView({
		parent: box,
		a: side(before, labels.before),
		b: side(after, labels.after),
		gutter: true,
		highlightChanges: true,
		collapseUnchanged: collapse ? { margin: 3, minSize: 6 } : undefined,
		diffConfig: { scanLimit: 1_000, timeout: PATIENCE_MS }
	});
	speak(view.a, language, name);
	speak(view.b, language, name);
	return {
		next: () => void goToNextChunk(view.b),
		previous: () => void goToPreviousChunk(view.b),
		close: () => view.destroy()
	};
}
