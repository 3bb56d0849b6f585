/** How an editor looks and writes, as the person prefers it. */
export interface EditorStyle {
	/** Size of the letters, px. */
	fontSize: number;
	/** How many columns a tab takes. */
	tabWidth: number;
	/** What a text that is not indented yet is indented with. */
	indent: 'tabs' | 'spaces';
	/** Whether long lines go on below. */
	wrap: boolean;
	lineNumbers: boolean;
	/** Whether a bracket or quote that is opened is closed at once. */
	closeBrackets: boolean;
}

export const USUAL_STYLE: EditorStyle = {
	fontSize: 13,
	tabWidth: 4,
	indent: 'tabs',
	wrap: false,
	lineNumbers: true,
	closeBrackets: true
};
