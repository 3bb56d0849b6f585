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

const OVER = 8;

export interface Shown {
	/** First row drawn. */
	from: number;
	/** One after the last. */
	to: number;
	/** Where the first is drawn, in pixels from the top of the box. */
	offset: number;
}

/**
 * How many rows are drawn at most at this height. A row's place is its number modulo this: what
 * scrolls out on one side is what comes in on the other.
 */
export function slots({
	rowHeight,
	height,
	over = OVER
}: Omit<Sight, 'count' | 'scrollTop'>): number {
	return Math.max(1, Math.ceil(Math.max(0, height) / rowHeight) + 1 + 2 * over);
}

/** Height of the scrolled box. */
export function boxHeight(count: number, rowHeight: number): number {
	return Math.min(count * rowHeight, TALLEST);
}

/** The rows to draw. */
export function shown({ count, rowHeight, height, scrollTop, over = OVER }: Sight): Shown {
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
	// Not computed by way of `top` where it need not be: what rounding changes would be drawn anew.
	const offset = full > box ? top - (virtualTop - from * rowHeight) : from * rowHeight;
	return { from, to, offset };
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
