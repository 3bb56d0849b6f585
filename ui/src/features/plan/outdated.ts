/** A line of what has changed since a plan was made. */
export interface Moved {
	subject: string;
	before: string;
	after: string;
}

/** Reads the evidence of an outdated plan: `servers.0.state: "ready" → "off"`. */
export function movedOf(evidence: string[]): Moved[] {
	return evidence.map((line) => {
		const found = /^(.*?): (.*) → (.*)$/s.exec(line);
		if (!found) return { subject: line, before: '', after: '' };
		const [, subject = '', before = '', after = ''] = found;
		return { subject: words(subject), before: plain(before), after: plain(after) };
	});
}

/** `servers.0.state` as `Servers › no. 1 › state`. */
function words(path: string): string {
	const parts = path.split('.').map((part) => {
		const place = /^\d+$/.test(part) ? Number(part) + 1 : 0;
		return place ? `no. ${place}` : part.replaceAll('_', ' ');
	});
	const text = parts.join(' › ');
	return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Quotes around a plain text say nothing to people. */
function plain(value: string): string {
	return /^"[^"\\]*"$/.test(value) ? value.slice(1, -1) : value;
}
