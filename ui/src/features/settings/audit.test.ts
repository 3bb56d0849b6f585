import { expect, test } from 'vitest';
import { factsOf, whatOf } from './audit';

test('an act is said in words', () => {
	expect(whatOf('server.pin_host_key')).toBe('Server: pin host key');
	expect(whatOf('base_snapshot.build')).toBe('Base snapshot: build');
	expect(whatOf('desk')).toBe('Desk');
});

test('what else is known stands in a line, without what is not', () => {
	expect(factsOf('{"name":"web-1","forced":true,"before":null,"freed_bytes":12}')).toBe(
		'name: web-1 · forced: true · freed bytes: 12'
	);
	expect(factsOf('{"tags":["a","b"]}')).toBe('tags: ["a","b"]');
	expect(factsOf('null')).toBe('');
	expect(factsOf('not json')).toBe('not json');
});
