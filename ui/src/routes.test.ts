import { expect, test } from 'vitest';
import { routeOf } from './routes';

test('a path says which page and what of', () => {
	expect(routeOf('/projects')).toMatchObject({ page: 'Projects', params: {} });
	expect(routeOf('/projects/01H')).toMatchObject({ page: 'Services', params: { id: '01H' } });
	expect(routeOf('/settings/keys')).toMatchObject({ params: { section: 'keys' } });
});

test('an unknown path has no page', () => {
	expect(routeOf('/projects/')).toBeNull();
	expect(routeOf('/nowhere')).toBeNull();
	expect(routeOf('/projects/1/2')).toBeNull();
});
