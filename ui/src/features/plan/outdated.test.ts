import { expect, test } from 'vitest';
import { movedOf } from './outdated';

test('what moved is told by its place and both values', () => {
	expect(movedOf(['servers.0.state: "ready" → "off"', 'serving: 4 → nothing'])).toEqual([
		{ subject: 'Servers › no. 1 › state', before: 'ready', after: 'off' },
		{ subject: 'Serving', before: '4', after: 'nothing' }
	]);
});

test('a line that is none of ours stays as it is', () => {
	expect(movedOf(['the folder is gone'])).toEqual([
		{ subject: 'the folder is gone', before: '', after: '' }
	]);
});
