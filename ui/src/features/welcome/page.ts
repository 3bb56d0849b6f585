/** What a visitor would read of a fetched page, without running or loading anything of it. */
export interface ReadPage {
	title: string;
	heading: string;
	text: string;
}

/** Reads a page's words. The parser makes an inert document: no script runs, nothing is loaded. */
export function readPage(body: string): ReadPage {
	const document = new DOMParser().parseFromString(body, 'text/html');
	document.querySelectorAll('script, style, svg, template').forEach((part) => part.remove());
	const heading = document.querySelector('h1');
	const words = (element: Element | null): string =>
		(element?.textContent ?? '').replace(/\s+/g, ' ').trim();
	const title = words(document.querySelector('title'));
	const first = words(heading);
	heading?.remove();
	return { title, heading: first, text: words(document.body) };
}
