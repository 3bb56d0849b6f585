import type { CommandError, ServerView } from '$ipc';
import type { Watched } from '$models/server.svelte';
import { count, duration } from '$parts/format';
import type { Tone } from '$parts/types';

/** How a server is, in a word. */
export interface Word {
	text: string;
	tone: Tone;
	/** The whole story, for whoever points at it. */
	title?: string;
}

const AWAY: Record<string, string> = {
	ssh_host_key_changed: 'Host key changed',
	ssh_authentication: 'Refuses our key',
	ssh_dns: 'Name unknown',
	ssh_sudo: 'May not be root',
	agent_absent: 'No agent',
	keychain_locked: 'Keychain locked'
};

/** Where it stands, and whether it answers. */
export function wordOf(server: ServerView, watched: Watched | undefined): Word {
	switch (server.state) {
		case 'provisioning':
			return { text: 'Provisioning', tone: 'live' };
		case 'off':
			return { text: 'Off', tone: 'quiet' };
		case 'destroyed':
			return { text: 'Destroyed', tone: 'quiet' };
		case 'ready':
			if (watched?.failure) return awayWord(watched.failure);
			return watched?.machine
				? { text: 'Ready', tone: 'good' }
				: { text: 'Asking…', tone: 'quiet' };
	}
}

function awayWord(failure: CommandError): Word {
	return { text: AWAY[failure.code] ?? 'Unreachable', tone: 'bad', title: failure.message };
}

/** A share as `42 %`. */
export function percent(share: number | null | undefined): string {
	return share === null || share === undefined ? '–' : `${Math.round(share * 100)} %`;
}

/** Hundredths of a percent as `4.2 %`. */
export function basisPoints(bp: number | null): string {
	return bp === null ? '–' : `${(bp / 100).toFixed(1)} %`;
}

/** How long a machine has been up: `19 days 4 h`, otherwise as short times are said. */
export function uptime(ms: number): string {
	const hours = Math.floor(ms / 3_600_000);
	if (hours < 48) return duration(ms);
	return `${count(Math.floor(hours / 24), 'day')} ${hours % 24} h`;
}

/** How alarming a share of something that runs out is. */
export function alarm(share: number | null | undefined): 'live' | 'warn' | 'bad' {
	if (share === null || share === undefined || share < 0.8) return 'live';
	return share < 0.93 ? 'warn' : 'bad';
}

/** What can be done about a server that does not let us in. */
export type Remedy = 'login_key' | 'host_key' | 'prepare' | 'provider' | 'keychain' | 'none';

export function remedyOf(failure: CommandError): Remedy {
	switch (failure.code) {
		case 'ssh_authentication':
			return 'login_key';
		case 'ssh_host_key_changed':
			return 'host_key';
		case 'agent_absent':
		case 'agent_too_old':
			return 'prepare';
		case 'ssh_tcp':
		case 'server_silent':
			return 'provider';
		default:
			return failure.code.startsWith('keychain') ? 'keychain' : 'none';
	}
}
