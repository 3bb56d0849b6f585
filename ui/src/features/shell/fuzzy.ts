/**
 * How well typed letters fit a text; null when they do not. The letters have to come in their order;
 * it counts for them to begin words and to stand together.
 */
export function fit(typed: string, text: string): number | null {
	const wanted = typed.toLowerCase().replace(/\s+/g, '');
	if (wanted === '') return 0;
	const lower = text.toLowerCase();
	const whole = lower.indexOf(typed.toLowerCase().trim());
	if (whole >= 0) {
		const starts = whole === 0 || !isLetter(lower[whole - 1]);
		return 1_000 + (starts ? 200 : 0) + (whole === 0 ? 100 : 0) - lower.length;
	}
	let score = 0;
	let from = 0;
	let last = -2;
	for (const letter of wanted) {
		const at = next(lower, letter, from, last);
		if (at < 0) return null;
		if (at === last + 1) score += 6;
		if (at === 0 || !isLetter(lower[at - 1])) score += 10;
		score -= Math.min(at - from, 8);
		last = at;
		from = at + 1;
	}
	return score - lower.length / 10;
}

/** The next place of a letter: right behind the last one, else where a word begins, else anywhere. */
function next(text: string, letter: string, from: number, last: number): number {
	if (last >= 0 && text[last + 1] === letter) return last + 1;
	for (let at = text.indexOf(letter, from); at >= 0; at = text.indexOf(letter, at + 1)) {
		if (at === 0 || !isLetter(text[at - 1])) return at;
	}
	return text.indexOf(letter, from);
}

function isLetter(character: string | undefined): boolean {
	return character !== undefined && /[\p{L}\p{N}]/u.test(character);
}

/** The entries that fit, the best first; all of them, in their order, when nothing was typed. */
export function ranked<T>(typed: string, all: T[], text: (entry: T) => string, most = 50): T[] {
	if (typed.trim() === '') return all.slice(0, most);
	return all
		.map((entry, order) => ({ entry, order, score: fit(typed, text(entry)) }))
		.filter((found): found is typeof found & { score: number } => found.score !== null)
		.sort((a, b) => b.score - a.score || a.order - b.order)
		.slice(0, most)
		.map(({ entry }) => entry);
}
