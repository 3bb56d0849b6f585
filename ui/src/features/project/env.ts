import type { ImportedVariableView } from '$ipc';

/** What an import says before it happens. */
export interface Preview {
	rows: (ImportedVariableView & { sealed: boolean })[];
	/** Names that are to be sealed, as the import is told. */
	secrets: string[];
	words: string;
}

/** The preview with what somebody chose to be sealed, or not. What is sealed already stays so. */
export function chosen(found: ImportedVariableView[], choices: Record<string, boolean>): Preview {
	const rows = found.map((variable) => ({
		...variable,
		sealed: variable.sealed_already || (choices[variable.name] ?? variable.secret)
	}));
	const sealed = rows.filter((row) => row.sealed).length;
	const fresh = rows.filter((row) => row.change === 'new').length;
	const replaced = rows.filter((row) => row.change === 'replaced').length;
	const words = [
		`${fresh} new`,
		replaced ? `${replaced} replaced` : '',
		rows.length - fresh - replaced ? `${rows.length - fresh - replaced} the same` : '',
		`${sealed} sealed`
	];
	return {
		rows,
		secrets: rows.filter((row) => row.sealed).map(({ name }) => name),
		words: words.filter(Boolean).join(', ')
	};
}

/** Whether a pasted text is meant as `.env` text rather than as one value. */
export function looksLikeEnv(text: string): boolean {
	const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s*#/.test(line));
	const pairs = lines.filter((line) => /^\s*(export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=/.test(line));
	return pairs.length > 0 && (lines.length > 1 || lines.some((line) => /^\s*export\s/.test(line)));
}
