/** How a text is indented, so that what is added is indented alike. */

/** Lines that are looked at. */
const LOOKED_AT = 2_000;

/** One step of indentation: a tab, or so many spaces; `otherwise` where nothing is indented. */
export function indentOf(text: string, otherwise = '\t'): string {
	let tabs = 0;
	let spaces = 0;
	const steps: Record<number, number> = {};
	let before = 0;
	let at = 0;
	for (let line = 0; line < LOOKED_AT && at <= text.length; line += 1) {
		const found = text.indexOf('\n', at);
		const end = found < 0 ? text.length : found;
		const lead = /^[ \t]*/.exec(text.slice(at, Math.min(end, at + 200)))?.[0] ?? '';
		const blank = at + lead.length >= end;
		at = end + 1;
		if (blank) continue;
		if (lead.includes('\t')) {
			tabs += 1;
			before = 0;
			continue;
		}
		const step = Math.abs(lead.length - before);
		if (lead.length > 0) spaces += 1;
		if (step > 1 && step <= 8) steps[step] = (steps[step] ?? 0) + 1;
		before = lead.length;
	}
	if (tabs === 0 && spaces === 0) return otherwise;
	if (tabs >= spaces) return '\t';
	const [width = 2] = Object.entries(steps)
		.sort(([a, x], [b, y]) => y - x || Number(a) - Number(b))
		.map(([width]) => Number(width));
	return ' '.repeat(width);
}
