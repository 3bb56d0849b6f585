/** What a preview tells. It is a page of anybody's, so nothing of it is believed unread. */

export type Level = 'debug' | 'log' | 'info' | 'warn' | 'error';

export type Told =
	| { kind: 'ready'; path: string; title: string }
	| { kind: 'heard' }
	| { kind: 'painted'; how: 'load' | 'style' | 'page' }
	| { kind: 'reloading'; memory: string }
	| { kind: 'console'; level: Level; text: string }
	| { kind: 'failed'; address: string; why: string };

const LEVELS: readonly string[] = ['debug', 'log', 'info', 'warn', 'error'] satisfies Level[];
const PAINTED: readonly string[] = ['load', 'style', 'page'];
/** Longest text that is shown of one message. */
const LONGEST = 4_100;
/** Longest memory of scroll and fields that is kept over a reload. */
const LONGEST_MEMORY = 1_000_000;

function text(value: unknown, longest = LONGEST): string | null {
	return typeof value === 'string' && value.length <= longest ? value : null;
}

/** Reads a message; null when it is not one of ours to its last field. */
export function read(data: unknown): Told | null {
	if (typeof data !== 'object' || data === null) return null;
	const message = data as Record<string, unknown>;
	if (message['plimsoll'] !== 'canvas' || message['version'] !== 1) return null;
	switch (message['kind']) {
		case 'ready': {
			const [path, title] = [text(message['path']), text(message['title'])];
			return path === null || title === null ? null : { kind: 'ready', path, title };
		}
		case 'heard':
			return { kind: 'heard' };
		case 'painted': {
			const how = message['how'];
			if (typeof how !== 'string' || !PAINTED.includes(how)) return null;
			return { kind: 'painted', how: how as 'load' | 'style' | 'page' };
		}
		case 'reloading': {
			const memory = text(message['memory'], LONGEST_MEMORY);
			return memory === null ? null : { kind: 'reloading', memory };
		}
		case 'console': {
			const [level, said] = [message['level'], text(message['text'])];
			if (typeof level !== 'string' || !LEVELS.includes(level) || said === null) return null;
			return { kind: 'console', level: level as Level, text: said };
		}
		case 'failed': {
			const [address, why] = [text(message['address']), text(message['why'])];
			return address === null || why === null ? null : { kind: 'failed', address, why };
		}
		default:
			return null;
	}
}

/**
 * What a preview is told: these files have changed (none when everything may have); scroll and fields
 * as they were; nothing but that it should say that it heard this.
 */
export type Telling =
	{ kind: 'changed'; paths: string[] } | { kind: 'remember'; memory: string } | { kind: 'ping' };

/** A message to a preview. */
export function written(telling: Telling): Record<string, unknown> {
	return { plimsoll: 'canvas', version: 1, ...telling };
}
