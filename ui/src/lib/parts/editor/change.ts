/** The smallest single replacement that makes one text another: what is around it keeps its place. */
export interface Replacement {
	from: number;
	to: number;
	insert: string;
}

export function replacement(before: string, after: string): Replacement | null {
	if (before === after) return null;
	const most = Math.min(before.length, after.length);
	let from = 0;
	while (from < most && before.charCodeAt(from) === after.charCodeAt(from)) from += 1;
	let same = 0;
	while (
		same < most - from &&
		before.charCodeAt(before.length - 1 - same) === after.charCodeAt(after.length - 1 - same)
	) {
		same += 1;
	}
	// A pair of surrogates stays whole.
	if (from > 0 && isHigh(before.charCodeAt(from - 1))) from -= 1;
	if (same > 0 && isLow(before.charCodeAt(before.length - same))) same -= 1;
	return {
		from,
		to: before.length - same,
		insert: after.slice(from, after.length - same)
	};
}

const isHigh = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;
const isLow = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;
