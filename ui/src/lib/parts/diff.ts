/** A line of a comparison. */
export interface DiffLine {
	kind: 'same' | 'gone' | 'new';
	text: string;
}

/** Above so many pairs of lines they are not matched one by one: all out, all in. */
const MOST_PAIRS = 4_000_000;

/** What became of the lines of a text, by their longest common subsequence. */
export function diff(before: string, after: string): DiffLine[] {
	const old = before === '' ? [] : before.split('\n');
	const now = after === '' ? [] : after.split('\n');
	let start = 0;
	while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
	let end = 0;
	while (
		end < old.length - start &&
		end < now.length - start &&
		old[old.length - 1 - end] === now[now.length - 1 - end]
	) {
		end += 1;
	}
	const same = (text: string): DiffLine => ({ kind: 'same', text });
	return [
		...old.slice(0, start).map(same),
		...between(old.slice(start, old.length - end), now.slice(start, now.length - end)),
		...old.slice(old.length - end).map(same)
	];
}

function between(old: string[], now: string[]): DiffLine[] {
	const gone = (text: string): DiffLine => ({ kind: 'gone', text });
	const fresh = (text: string): DiffLine => ({ kind: 'new', text });
	if (old.length * now.length > MOST_PAIRS) return [...old.map(gone), ...now.map(fresh)];
	const width = now.length + 1;
	const common = new Uint32Array((old.length + 1) * width);
	const at = (i: number, j: number): number => common[i * width + j] ?? 0;
	for (let i = old.length - 1; i >= 0; i -= 1) {
		for (let j = now.length - 1; j >= 0; j -= 1) {
			common[i * width + j] =
				old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
		}
	}
	const lines: DiffLine[] = [];
	let i = 0;
	let j = 0;
	while (i < old.length || j < now.length) {
		const was = old[i];
		const is = now[j];
		if (was !== undefined && was === is) {
			lines.push({ kind: 'same', text: was });
			i += 1;
			j += 1;
		} else if (was !== undefined && (is === undefined || at(i + 1, j) >= at(i, j + 1))) {
			lines.push(gone(was));
			i += 1;
		} else if (is !== undefined) {
			lines.push(fresh(is));
			j += 1;
		}
	}
	return lines;
}
