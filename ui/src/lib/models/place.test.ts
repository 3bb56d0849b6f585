import { expect, test } from 'vitest';
import { above, pathOf } from './place.svelte';

test('a deep link leads to the same place as the path', () => {
	expect(pathOf('plimsoll://project/01H?service=02')).toBe('/projects/01H?service=02');
	expect(pathOf('plimsoll://server/01H/')).toBe('/servers/01H');
	expect(pathOf('plimsoll://settings/keys')).toBe('/settings/keys');
	expect(pathOf('#/domains')).toBe('/domains');
});

test('what is no place of ours leads nowhere', () => {
	expect(pathOf('https://example.com/projects')).toBe('');
	expect(pathOf('javascript:alert(1)')).toBe('');
	expect(pathOf('')).toBe('');
});

test('one level up closes the drawer, then leaves the thing, then stays', () => {
	expect(above('/projects/1?service=2&tab=logs')).toBe('/projects/1');
	expect(above('/projects/1')).toBe('/projects');
	expect(above('/projects')).toBe('/projects');
	expect(above('/jobs/1')).toBe('/deployments');
	expect(above('/settings/keys')).toBe('/projects');
});
