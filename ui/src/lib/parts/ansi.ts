/** A stretch of a line in one colour. */
export interface Stretch {
	text: string;
	/** 0 to 7, as terminals count them; none for the text's own. */
	colour?: number;
	bold?: boolean;
	dim?: boolean;
}

const SEQUENCE =
	/\u001b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;

const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** A line's text without colours and other orders to a terminal. */
export function plain(line: string): string {
	return line.replace(SEQUENCE, '').replace(CONTROLS, '');
}

/** A line as stretches of colour; every other order to a terminal is left out. */
export function stretches(line: string): Stretch[] {
	if (!line.includes('\u001b')) return line === '' ? [] : [{ text: line.replace(CONTROLS, '') }];
	const found: Stretch[] = [];
	let style: Omit<Stretch, 'text'> = {};
	let last = 0;
	const keep = (text: string): void => {
		const clean = text.replace(CONTROLS, '');
		if (clean) found.push({ text: clean, ...style });
	};
	for (const match of line.matchAll(SEQUENCE)) {
		keep(line.slice(last, match.index));
		last = match.index + match[0].length;
		if (match[2] === 'm') style = styled(style, match[1] ?? '');
	}
	keep(line.slice(last));
	return found;
}

function styled(style: Omit<Stretch, 'text'>, codes: string): Omit<Stretch, 'text'> {
	let now = { ...style };
	const numbers = codes.split(/[;:]/).map(Number);
	for (let i = 0; i < numbers.length; i += 1) {
		const code = numbers[i] ?? 0;
		if (code === 0) now = {};
		else if (code === 1) now.bold = true;
		else if (code === 2) now.dim = true;
		else if (code === 22) now = { ...now, bold: false, dim: false };
		else if (code >= 30 && code <= 37) now.colour = code - 30;
		else if (code >= 90 && code <= 97) now.colour = code - 90;
		else if (code === 39) delete now.colour;
		else if (code === 38 || code === 48) i += numbers[i + 1] === 2 ? 4 : 2;
	}
	return now;
}
