import type { Point } from './graph';

/** Where things of a canvas were dragged to. It is this window's memory, nobody else's. */
const entry = (id: string): string => `plimsoll.canvas.${id}`;

export function keptPlaces(id: string): Record<string, Point> {
	try {
		const kept: unknown = JSON.parse(localStorage.getItem(entry(id)) ?? '{}');
		if (typeof kept !== 'object' || kept === null) return {};
		return Object.fromEntries(
			Object.entries(kept).filter((pair): pair is [string, Point] => isPoint(pair[1]))
		);
	} catch {
		return {};
	}
}

export function keepPlaces(id: string, places: Record<string, Point>): void {
	if (Object.keys(places).length) localStorage.setItem(entry(id), JSON.stringify(places));
	else localStorage.removeItem(entry(id));
}

function isPoint(value: unknown): value is Point {
	const point = value as Partial<Point> | null;
	return Number.isFinite(point?.x) && Number.isFinite(point?.y);
}
