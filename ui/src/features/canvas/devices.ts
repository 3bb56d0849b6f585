/** The sizes in which a page can be looked at, in CSS pixels. */
export interface Device {
	id: string;
	label: string;
	/** None fills the room that there is. */
	size: { width: number; height: number } | null;
}

export const devices: readonly Device[] = [
	{ id: 'fill', label: 'Fill', size: null },
	{ id: 'phone', label: 'Phone', size: { width: 390, height: 844 } },
	{ id: 'tablet', label: 'Tablet', size: { width: 820, height: 1180 } },
	{ id: 'laptop', label: 'Laptop', size: { width: 1280, height: 800 } },
	{ id: 'desktop', label: 'Desktop', size: { width: 1920, height: 1080 } }
];

export const zooms = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2] as const;

/** How a page is looked at. */
export interface Look {
	device: string;
	rotated: boolean;
	/** None makes it as large as the room allows. */
	zoom: number | null;
}

export interface Laid {
	/** Size of the page, CSS pixels. */
	width: number;
	height: number;
	/** How large it is drawn. */
	scale: number;
}

/** Lays a page out in a room of so many pixels. */
export function lay(look: Look, room: { width: number; height: number }): Laid {
	const size = devices.find(({ id }) => id === look.device)?.size ?? null;
	if (!size) {
		const scale = look.zoom ?? 1;
		return {
			width: Math.max(1, Math.floor(room.width / scale)),
			height: Math.max(1, Math.floor(room.height / scale)),
			scale
		};
	}
	const [width, height] = look.rotated ? [size.height, size.width] : [size.width, size.height];
	const fits = Math.min(1, room.width / width, room.height / height);
	return { width, height, scale: look.zoom ?? Math.max(0.1, fits) };
}
