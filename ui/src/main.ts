import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');

if (import.meta.env.MODE === 'mock') {
	const { pretend } = await import('./mock/index');
	await pretend();
}
// A web view goes to a link that is dropped where nothing takes it.
window.addEventListener('dragover', (event) => {
	const over = event.target instanceof Element ? event.target : null;
	if (event.defaultPrevented || over?.closest('input, textarea, [contenteditable]')) return;
	event.preventDefault();
	if (event.dataTransfer) event.dataTransfer.dropEffect = 'none';
});
mount(App, { target });
