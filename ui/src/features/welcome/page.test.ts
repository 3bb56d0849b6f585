import { expect, test } from 'vitest';
import { readPage } from './page';

test('a page is read as a visitor reads it, and nothing of it runs', () => {
	const page = readPage(
		'<title>Hello</title><style>h1 {}</style><main><svg><text>mark</text></svg>' +
			'<h1>Loaded  safely</h1><p>This is version 1.</p></main>' +
			'<script>document.title = "run"</script><img src="x" onerror="window.ran = true">'
	);
	expect(page).toEqual({ title: 'Hello', heading: 'Loaded safely', text: 'This is version 1.' });
	expect('ran' in window).toBe(false);
});

test('an answer that is no page is shown as its text', () => {
	expect(readPage('502 bad gateway')).toEqual({ title: '', heading: '', text: '502 bad gateway' });
});
