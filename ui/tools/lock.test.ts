import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Locked {
	optionalDependencies?: Record<string, string>;
}

test('the lock file names the parts for every system, not only for the one it was written on', () => {
	const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
		packages: Record<string, Locked>;
	};
	const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
		Object.keys(optionalDependencies).filter((name) => {
			// As Node looks for it: beside the package that asks, then further out.
			for (let at = path; ; at = at.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
				if (`${at ? `${at}/` : ''}node_modules/${name}` in lock.packages) return false;
				if (!at) return true;
			}
		})
	);
	expect(missing).toEqual([]);
});
