import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { allow } from '$parts/dropping';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');

if (import.meta.env.MODE === 'mock') {
	const { pretend } = await import('./mock/index');
	await pretend();
}
window.addEventListener('dragenter', allow);
window.addEventListener('dragover', allow);
mount(App, { target });
