/** Which rows of a long list are in view. Pure, so that it can be tried without a screen. */

/** Engines refuse boxes much higher than 16 million pixels; above it a pixel stands for more. */
export const TALLEST = 16_000_000;

export interface Sight {
	count: number;
	rowHeight: number;
	/** Height of what is seen. */
	height: number;
	/** How far the box is scrolled. */
	scrollTop: number;
	/** Rows drawn above and below what is seen. */
	over?: number;
}

export interface Shown {
	/** First row drawn. */
	from: number;
	/** One after the last. */
	to: number;
	/** Where the first is drawn, in pixels from the top of the box. */
	offset: number;
}

/** Height of the scrolled box. */
export function boxHeight(count: number, rowHeight: number): number {
	return Math.min(count * rowHeight, TALLEST);
}

/** The rows to draw. */
export function shown({ count, rowHeight, height, scrollTop, over = 8 }: Sight): Shown {
	if (count === 0 || height <= 0) return { from: 0, to: 0, offset: 0 };
	const full = count * rowHeight;
	const box = boxHeight(count, rowHeight);
	const top = Math.max(0, Math.min(scrollTop, box - height));
	const reach = Math.max(1, box - height);
	// Rows keep their height in a box that is too short for them: the way is stretched, they are not.
	const virtualTop = full > box ? (top / reach) * (full - height) : top;
	const first = Math.floor(virtualTop / rowHeight);
	const from = Math.max(0, first - over);
	const to = Math.min(count, Math.ceil((virtualTop + height) / rowHeight) + over);
	return { from, to, offset: top - (virtualTop - from * rowHeight) };
}

/** How far to scroll so that a row is seen; the same as before when it is. */
export function scrollTo(row: number, sight: Sight, where: 'near' | 'middle' = 'near'): number {
	const { count, rowHeight, height, scrollTop } = sight;
	const full = count * rowHeight;
	const box = boxHeight(count, rowHeight);
	const stretch = full > box ? (box - height) / (full - height) : 1;
	const now = scrollTop / stretch;
	const top = row * rowHeight;
	let wanted = now;
	if (where === 'middle') wanted = top - (height - rowHeight) / 2;
	else if (top < now) wanted = top;
	else if (top + rowHeight > now + height) wanted = top + rowHeight - height;
	return Math.max(0, Math.min(wanted, Math.max(0, full - height))) * stretch;
}
