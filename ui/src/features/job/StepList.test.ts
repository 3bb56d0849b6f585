import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import type { StepStatusView, StepView } from '$ipc';
import StepList from './StepList.svelte';

const step = (number: number, status: StepStatusView): StepView => ({
	number,
	title: `Step ${number}`,
	status,
	attempt: status === 'pending' ? 0 : 1,
	failure: null,
	started_at: status === 'pending' ? null : '2026-11-21T12:00:00.000Z',
	finished_at: status === 'done' ? '2026-11-21T12:00:04.200Z' : null
});
const now = Date.parse('2026-11-21T12:00:10.000Z');
const steps = [step(0, 'done'), step(1, 'running'), step(2, 'pending')];
const props = {
	steps,
	bytes: [{ step: 1, done: 500_000, total: 1_000_000 }],
	selected: 1,
	interrupted: false,
	now,
	onselect: vi.fn()
};

test('each step says where it stands, how long it took and how far its bytes are', () => {
	render(StepList, props);
	const texts = screen.getAllByRole('button').map((one) => one.textContent);
	expect(texts[0]).toContain('Done');
	expect(texts[0]).toContain('4.2 s');
	expect(texts[1]).toContain('500.0 kB of 1.0 MB');
	expect(texts[1]).toContain('10.0 s');
	expect(texts[2]).toContain('Not begun');
});

test('a step in the middle of an interrupted job is not said to run', () => {
	render(StepList, { ...props, interrupted: true });
	const running = screen.getAllByRole('button')[1];
	expect(running?.textContent).toContain('Interrupted');
	expect(running?.textContent).not.toContain('10.0 s');
});

test('the arrow keys go through the steps', async () => {
	const onselect = vi.fn();
	render(StepList, { ...props, onselect });
	screen.getAllByRole('button')[1]?.focus();
	await userEvent.keyboard('{ArrowDown}');
	expect(onselect).toHaveBeenLastCalledWith(2);
	expect(document.activeElement).toBe(screen.getAllByRole('button')[2]);
});
