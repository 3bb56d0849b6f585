/** An act in words: `server.pin_host_key` is “Server: pin host key”. */
export function whatOf(act: string): string {
	const [noun = '', verb = ''] = act.split('.');
	const words = (text: string): string => text.replaceAll('_', ' ');
	const first = words(noun);
	const title = first.charAt(0).toUpperCase() + first.slice(1);
	return verb ? `${title}: ${words(verb)}` : title;
}

/** What else an entry says, from its JSON: `name: web-1 · forced: true`. */
export function factsOf(details: string): string {
	let read: unknown;
	try {
		read = JSON.parse(details);
	} catch {
		return details;
	}
	if (typeof read !== 'object' || read === null) return read === null ? '' : String(read);
	return Object.entries(read)
		.filter(([, value]) => value !== null && value !== '')
		.map(([name, value]) => {
			const text = typeof value === 'string' ? value : JSON.stringify(value);
			return `${name.replaceAll('_', ' ')}: ${text}`;
		})
		.join(' · ');
}
