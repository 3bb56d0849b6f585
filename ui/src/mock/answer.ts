/** What fixtures answer, and in which of the four states the pages are to be seen. */
import type { CommandError, DeskView, FormKindView, OpenFormView } from '$ipc';

type Handler = (args: Record<string, unknown>) => unknown;
const handlers = new Map<string, Handler>();

/** The side of a channel that fixtures speak into. */
export interface Told<T> {
	onmessage: (news: T) => void;
}

export type ShownState = 'full' | 'empty' | 'loading' | 'error';

/** A question in the address: `?state=empty`. */
export function asked(name: string): string {
	return new URLSearchParams(location.search).get(name) ?? '';
}

/** The state in which the pages are to be seen. */
export function state(): ShownState {
	const wanted = asked('state');
	return wanted === 'empty' || wanted === 'loading' || wanted === 'error' ? wanted : 'full';
}

/** Registers what a command answers in mock mode. */
export function answer(command: string, handler: Handler): void {
	handlers.set(command, handler);
}

/** Registers a question of a page: full or empty; it never answers, or fails, where that is asked. */
export function stated(command: string, full: Handler, empty: Handler): void {
	answer(command, (args) => {
		switch (state()) {
			case 'loading':
				return never();
			case 'error':
				return fail();
			case 'empty':
				return empty(args);
			case 'full':
				return full(args);
		}
	});
}

/** An answer that never comes. */
export function never(): Promise<never> {
	return new Promise(() => undefined);
}

/** Refuses a command, as the engine would. */
export function fail(failure: Partial<CommandError> = {}): never {
	const refusal: CommandError = {
		code: 'server_unreachable',
		message: 'The server web-1 did not answer.',
		evidence: ['TCP 203.0.113.7:22: connection timed out after 10 s'],
		next_step: 'See at the provider whether the server is on, and that port 22 is open to you.',
		retryable: true,
		field: '',
		...failure
	};

	throw refusal;
}

const forms = new Map<FormKindView, OpenFormView>();

/** Registers a form as the engine opens it. */
export function openForm(kind: FormKindView, form: OpenFormView): void {
	forms.set(kind, form);
}

stated(
	'form_open',
	({ kind }) => forms.get(kind as FormKindView) ?? fail(),
	({ kind }) => forms.get(kind as FormKindView) ?? fail()
);
answer('form_check', () => []);
answer('draft_keep', () => null);
answer('draft_forget', () => null);

const none: DeskView = {
	seq: 1,
	notices: [],
	start_path: null,
	projects: [],
	environments: [],
	services: [],
	variables: [],
	configurations: [],
	accounts: [],
	keys: [],
	domains: [],
	certificates: [],
	servers: [],
	base_snapshots: [],
	recipe_hash: '',
	jobs: [],
	deployments: [],
	releases: []
};
const rows: Partial<DeskView>[] = [];

/** Adds rows to what the window loads at first. `empty` is what there is of them when all is empty. */
export function desk(full: Partial<DeskView>): void {
	rows.push(full);
}

/** Why tokens and keys cannot be had, as the address asks for it. */
export function shut(): CommandError {
	const told = (code: string, message: string, evidence: string[], next_step: string) => ({
		code,
		message,
		evidence,
		next_step,
		retryable: true,
		field: ''
	});
	switch (asked('desk')) {
		case 'vault':
			return told('vault_locked', 'Your tokens and keys are in a vault, which is locked.', [], '');
		case 'missing':
			return told(
				'keychain_missing',
				'Could not read from the keychain: this system offers none to this program.',
				['zbus error: the session bus cannot be reached'],
				'Start a desktop session with a keychain. Or use a file sealed with a passphrase instead; on the command line, set PLIMSOLL_PASSPHRASE_FILE.'
			);
		default:
			return told(
				'keychain_locked',
				'Could not read from the keychain: it is locked.',
				['the collection “login” is locked, and nobody can be asked'],
				'Unlock the keychain of your session, then try again. Or use a file sealed with a passphrase instead; on the command line, set PLIMSOLL_PASSPHRASE_FILE.'
			);
	}
}

function deskNow(): unknown {
	switch (asked('desk')) {
		case 'opening':
			return never();
		case 'locked':
		case 'vault':
		case 'missing':
			return fail(shut());
		case 'failed':
			return fail({
				code: 'store_unreadable',
				message: 'The local data could not be opened.',
				evidence: ['plimsoll.db: database disk image is malformed'],
				next_step: 'Restore the newest good backup, or choose another folder for the data.'
			});
	}
	const all = Object.assign({}, none, ...rows) as Record<string, unknown>;
	if (state() !== 'empty') return all;
	return Object.fromEntries(
		Object.entries(all).map(([name, value]) => [name, Array.isArray(value) ? [] : value])
	);
}

/** What a command answers; throws what refuses it. */
export function respond(command: string, args: Record<string, unknown>): unknown {
	if (command === 'desk_load') return deskNow();
	const handler = handlers.get(command);
	if (!handler) throw new Error(`no fixture answers ${command}`);
	return handler(args);
}
