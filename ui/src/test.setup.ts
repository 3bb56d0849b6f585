import { cleanup } from '@testing-library/svelte';
import { afterEach } from 'vitest';

// What jsdom lacks and every browser has.
window.matchMedia ??= (query: string): MediaQueryList =>
	({
		matches: false,
		media: query,
		addEventListener: () => undefined,
		removeEventListener: () => undefined
	}) as unknown as MediaQueryList;
window.ResizeObserver ??= class {
	observe(): void {}
	unobserve(): void {}
	disconnect(): void {}
};
Element.prototype.scrollIntoView ??= (): void => undefined;

afterEach(() => cleanup());
