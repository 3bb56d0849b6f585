import type { Component } from 'svelte';
import type { LucideProps } from '@lucide/svelte';

/** An icon of lucide: `import Plus from '@lucide/svelte/icons/plus'`, one by one. */
export type Icon = Component<LucideProps>;

/** What a colour says; an icon or a word beside it says it too. */
export type Tone = 'good' | 'warn' | 'bad' | 'live' | 'quiet' | 'accent';

/** Why something failed, in the words that people see. */
export interface Failure {
	code: string;
	message: string;
	evidence: string[];
	next_step: string;
	retryable?: boolean;
}

/** An entry of a menu. */
export interface MenuItem {
	label: string;
	icon?: Icon;
	run: () => void;
	danger?: boolean;
	disabled?: boolean;
	/** Why it is disabled. */
	why?: string;
	/** Whether it is the chosen one of its kind. */
	checked?: boolean;
	/** A second, quieter word at its end. */
	hint?: string;
}

/** A tab. */
export interface Tab {
	id: string;
	label: string;
	/** How many things are in it. */
	count?: number;
}
