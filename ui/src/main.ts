import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');

if (import.meta.env.MODE === 'mock') {
	const { pretend } = await import('./mock/index');
	await pretend();
}
mount(App, { target });
