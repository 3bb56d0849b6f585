import { svelte } from '@sveltejs/vite-plugin-svelte';
import tailwindcss from '@tailwindcss/vite';
import { svelteTesting } from '@testing-library/svelte/vite';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
	plugins: [tailwindcss(), svelte(), svelteTesting()],
	resolve: {
		alias: {
			$ipc: here('src/lib/ipc'),
			$models: here('src/lib/models'),
			$parts: here('src/lib/parts'),
			$features: here('src/features'),
			$pages: here('src/pages'),
			$mock: here('src/mock')
		}
	},
	// What the window runs on: WebKitGTK 2.40, Safari 16.4, and WebView2, which is always new.
	build: {
		target: ['safari16.4', 'chrome111'],
		// The window's policy lets fonts and scripts come from the window only, not from data addresses.
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false }
	},
	server: { port: 1420, strictPort: true },
	clearScreen: false,
	test: {
		environment: 'jsdom',
		include: ['{src,tools}/**/*.test.ts'],
		setupFiles: ['src/test.setup.ts']
	}
});
