import { expect, test } from 'vitest';
import { expiry, verdict } from './days';

const now = Date.parse('2026-11-21T12:00:00.000Z');

test('a certificate warns in its last thirty days and is bad once it has ended', () => {
	expect(expiry('2041-11-17T12:00:00.000Z', now)).toMatchObject({
		tone: 'good',
		text: '15 years left'
	});
	expect(expiry('2026-12-11T12:00:00.000Z', now)).toMatchObject({
		tone: 'warn',
		text: '20 days left'
	});
	expect(expiry('2026-11-20T12:00:00.000Z', now).tone).toBe('bad');
});

test('a name is well when HTTP leads to HTTPS and HTTPS serves', () => {
	const redirect = { status: 301, location: 'https://app.example.com/' };
	const host = 'app.example.com';
	expect(verdict(host, redirect, { status: 200 }).tone).toBe('good');
	expect(verdict(host, redirect, { status: 404 }).tone).toBe('good');
	expect(verdict(host, redirect, { status: 502 }).tone).toBe('bad');
	expect(verdict(host, redirect, null).tone).toBe('bad');
	expect(verdict(host, { status: 200, location: null }, { status: 200 }).tone).toBe('warn');
	const elsewhere = { status: 301, location: 'https://evil.example/' };
	expect(verdict(host, elsewhere, { status: 200 }).tone).toBe('warn');
});
