import { toast as sonner } from 'svelte-sonner';
import type { Failure } from './types';

/** Short words at the edge of the window, also read out. */
export const toast = {
	/** Something was done. */
	say(text: string): void {
		sonner.success(text);
	},
	/** Something was refused or failed: the cause and the next step. */
	fail(failure: Failure): void {
		sonner.error(failure.message, { description: failure.next_step, duration: 10_000 });
	}
};
