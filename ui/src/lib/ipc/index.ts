/** The one door to the engine. Nothing else imports Tauri. */
import { commands } from './bindings';
import { Refused } from './refused';

export type * from './bindings';
export { events } from './bindings';
export { Refused, refusedFrom } from './refused';
export { Channel } from '@tauri-apps/api/core';

type Settled = { status: 'ok'; data: unknown } | { status: 'error'; error: unknown };
type Data<Answer> = Answer extends { status: 'ok'; data: infer D }
	? D
	: Answer extends { status: 'error' }
		? never
		: Answer;
type Unwrapped<Commands> = {
	[Name in keyof Commands]: Commands[Name] extends (...args: infer Args) => Promise<infer Answer>
		? (...args: Args) => Promise<Data<Answer>>
		: never;
};

function isSettled(answer: unknown): answer is Settled {
	return typeof answer === 'object' && answer !== null && 'status' in answer;
}

/** Every command: answers its data, or throws a {@link Refused}. */
export const api = Object.fromEntries(
	Object.entries(commands).map(([name, command]) => [
		name,
		async (...args: unknown[]): Promise<unknown> => {
			let answer: unknown;
			try {
				answer = await (command as (...args: unknown[]) => Promise<unknown>)(...args);
			} catch (error) {
				throw Refused.of(error);
			}
			if (!isSettled(answer)) return answer;
			if (answer.status === 'ok') return answer.data;
			throw Refused.of(answer.error);
		}
	])
) as Unwrapped<typeof commands>;
