import { api, Refused } from '$ipc';

/** How long an answer may take once everything is open, and to say how far the opening is, ms. */
const PATIENCE_MS = 8_000;
/** How often something is asked before nobody is there to answer. */
const TIMES = 3;
/** The code of what nobody answered. */
export const NO_ANSWER = 'no_answer';

const LOST = Symbol('lost');

/**
 * What is answered once everything is open, however long the opening takes. It is asked for again
 * when the answer was lost: a page that takes another's place may not hear what is sent meanwhile.
 * What is asked may therefore be carried out more than once.
 */
export async function whenOpen<T>(ask: () => Promise<T>): Promise<T> {
	const answers: Promise<T>[] = [];
	const ends = new AbortController();
	try {
		while (answers.length < TIMES) {
			answers.push(ask());
			const found = await Promise.race([...answers, overdue(ends.signal)]);
			if (found !== LOST) return found;
		}
	} finally {
		ends.abort();
	}
	throw new Refused({
		code: NO_ANSWER,
		message: 'The window gets no answer from the rest of Plimsoll.',
		evidence: [`asked ${TIMES} times, ${PATIENCE_MS / 1_000} seconds each`],
		next_step: 'Load the window again. If that does not help, quit Plimsoll and start it again.',
		retryable: true,
		field: ''
	});
}

/** What is answered soon, or null: also whether it was lost does not take for ever to say. */
export const soon = <T>(asked: Promise<T>): Promise<T | null> =>
	Promise.race([asked.catch(() => null), pause(PATIENCE_MS)]);

/** Ends when everything is open and an answer should have come. */
async function overdue(signal: AbortSignal): Promise<typeof LOST> {
	while (!signal.aborted) {
		await pause(PATIENCE_MS);
		const now = await soon(api.deskState());
		if (now?.state !== 'opening') break;
	}
	return LOST;
}

const pause = (ms: number): Promise<null> =>
	new Promise((done) => setTimeout(() => done(null), ms));
