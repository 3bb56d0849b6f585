/**
 * How well typed letters fit a text; null when they do not. The letters have to come in their order;
 * it counts for them to begin words and to stand together.
 */
export function fit(typed: string, text: string): number | null {
	const wanted = typed.toLowerCase().replace(/\s+/g, '');
	if (wanted === '') return 0;
	const lower = text.toLowerCase();
	const whole = lower.indexOf(typed.toLowerCase().trim());
	if (whole >= 0 && (whole === 0 || !isLetter(lower[whole - 1]))) {
		return 1_000 + (whole === 0 ? 100 : 0) - lower.length;
	}
	return scattered(wanted, lower);
}

/** The best sum that the letters can make: places of the letters before, with what they made. */
function scattered(wanted: string, text: string): number | null {
	let sums: number[] = [];
	for (const [order, letter] of [...wanted].entries()) {
		const now = new Array<number>(text.length).fill(-Infinity);
		let before = order === 0 ? 0 : -Infinity;
		for (let at = 0; at < text.length; at += 1) {
			if (text[at] === letter) {
				const starts = at === 0 || !isLetter(text[at - 1]);
				const beside = (sums[at - 1] ?? -Infinity) + 6;
				now[at] = Math.max(before, beside) + (starts ? 10 : 0);
			}
			if (order > 0) before = Math.max(before, sums[at] ?? -Infinity);
		}
		sums = now;
	}
	const best = Math.max(...sums);
	return best === -Infinity ? null : best - text.length / 10;
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
