/** The pages without an engine, for pictures and component tests: fixtures behind the same door. */
import { mockIPC } from '@tauri-apps/api/mocks';
import { respond } from './answer';

export { answer, asked, desk, fail, never, state, stated } from './answer';

/** Puts the fixtures of every noun (the files beside this one) behind the door. */
export async function pretend(): Promise<void> {
	const fixtures = import.meta.glob(['./*.ts', '!./index.ts', '!./answer.ts', '!./screens.ts']);
	await Promise.all(Object.values(fixtures).map((load) => load()));
	mockIPC((command, args) => respond(command, (args ?? {}) as Record<string, unknown>), {
		shouldMockEvents: true
	});
}
