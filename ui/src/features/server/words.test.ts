import type { CommandError, ServerView } from '$ipc';
import { describe, expect, it } from 'vitest';
import { alarm, basisPoints, percent, remedyOf, uptime, wordOf } from './words';

const server = { state: 'ready' } as ServerView;
const failed = (code: string): CommandError => ({
	code,
	message: 'It does not answer.',
	evidence: [],
	next_step: '',
	retryable: true,
	field: ''
});
const away = (code: string) => ({ machine: null, seenAt: null, failure: failed(code), past: [] });

describe('the word for a server', () => {
	it('says what stands in the way', () => {
		expect(wordOf(server, undefined).text).toBe('Asking…');
		expect(wordOf(server, away('ssh_authentication')).text).toBe('Refuses our key');
		expect(wordOf(server, away('ssh_tcp'))).toEqual({
			text: 'Unreachable',
			tone: 'bad',
			title: 'It does not answer.'
		});
	});

	it('does not call a server that is off unreachable', () => {
		expect(wordOf({ ...server, state: 'off' }, away('ssh_tcp')).text).toBe('Off');
	});
});

describe('figures in words', () => {
	it('are short', () => {
		expect(percent(0.426)).toBe('43 %');
		expect(percent(null)).toBe('–');
		expect(basisPoints(421)).toBe('4.2 %');
		expect(uptime(90 * 60_000)).toBe('1 h 30 min');
		expect(uptime((19 * 24 + 4) * 3_600_000)).toBe('19 days 4 h');
	});

	it('alarm before something is full', () => {
		expect([alarm(0.5), alarm(0.85), alarm(0.95), alarm(null)]).toEqual([
			'live',
			'warn',
			'bad',
			'live'
		]);
	});
});

it('every way of being shut out has its remedy', () => {
	expect(remedyOf(failed('ssh_authentication'))).toBe('login_key');
	expect(remedyOf(failed('ssh_host_key_changed'))).toBe('host_key');
	expect(remedyOf(failed('agent_absent'))).toBe('prepare');
	expect(remedyOf(failed('keychain_locked'))).toBe('keychain');
	expect(remedyOf(failed('ssh_banner'))).toBe('none');
});
