import type { CommandError } from './bindings';

/** Why a command was refused or failed: cause, evidence and next step, under a stable code. */
export class Refused extends Error {
	constructor(readonly failure: CommandError) {
		super(failure.message);
		this.name = 'Refused';
	}

	/** Anything that was thrown, as a refusal. */
	static of(thrown: unknown): Refused {
		if (thrown instanceof Refused) return thrown;
		if (isFailure(thrown)) return new Refused(thrown);
		return new Refused({
			code: 'internal',
			message: 'Plimsoll made a mistake of its own.',
			evidence: [thrown instanceof Error ? thrown.message : String(thrown)],
			next_step: 'Try again; if it stays so, save a diagnostics bundle in the settings.',
			retryable: true,
			field: ''
		});
	}
}

/** What a `catch` has in its hands, as the failure that screens show. */
export const refusedFrom = (thrown: unknown): CommandError => Refused.of(thrown).failure;

function isFailure(value: unknown): value is CommandError {
	return typeof value === 'object' && value !== null && 'code' in value && 'next_step' in value;
}
