/** What is wrong with a passphrase that was typed twice; empty while nothing is. */
export function passphraseProblem(passphrase: string, again: string): string {
	if (again !== '' && again !== passphrase) return 'These two differ.';
	return '';
}

/** A name for an export of that moment. */
export function fileName(at: Date): string {
	const two = (n: number): string => String(n).padStart(2, '0');
	return `plimsoll-${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}.sealed`;
}
