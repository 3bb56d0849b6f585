/** The pages without an engine, for pictures and component tests: fixtures behind the same door. */
import { mockIPC } from '@tauri-apps/api/mocks';

type Handler = (args: Record<string, unknown>) => unknown;
const handlers = new Map<string, Handler>();

/** Registers what a command answers in mock mode. */
export function answer(command: string, handler: Handler): void {
	handlers.set(command, handler);
}

/** Puts the fixtures behind the door. */
export function pretend(): void {
	mockIPC(
		(command, args) => {
			const handler = handlers.get(command);
			if (!handler) throw new Error(`no fixture answers ${command}`);
			return handler((args ?? {}) as Record<string, unknown>);
		},
		{ shouldMockEvents: true }
	);
}
