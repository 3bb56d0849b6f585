import { expect, test } from 'vitest';
import { lay } from './devices';

const room = { width: 600, height: 400 };

test('a device that does not fit is drawn smaller', () => {
	const phone = lay({ device: 'phone', rotated: false, zoom: null }, room);
	expect(phone).toMatchObject({ width: 390, height: 844 });
	expect(phone.height * phone.scale).toBeCloseTo(400);
});

test('a turned device lies on its side', () => {
	const phone = lay({ device: 'phone', rotated: true, zoom: 1 }, room);
	expect(phone).toEqual({ width: 844, height: 390, scale: 1 });
});

test('a page without a device fills the room at every size', () => {
	expect(lay({ device: 'fill', rotated: false, zoom: null }, room)).toEqual({ ...room, scale: 1 });
	const half = lay({ device: 'fill', rotated: false, zoom: 0.5 }, room);
	expect(half).toEqual({ width: 1200, height: 800, scale: 0.5 });
});
