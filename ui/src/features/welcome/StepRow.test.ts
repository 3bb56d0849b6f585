import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import type { TourStepView } from '$ipc';
import StepRow from './StepRow.svelte';

const step = (changed: Partial<TourStepView>): TourStepView => ({
	id: 'deploy',
	state: 'now',
	job_id: null,
	...changed
});

function show(changed: Partial<TourStepView>): () => void {
	const onact = vi.fn();
	render(StepRow, { step: step(changed), number: 5, busy: false, onact });
	return onact;
}

test('only the present step offers its act', async () => {
	const onact = show({});
	await userEvent.click(screen.getByRole('button', { name: 'Plan the deployment' }));
	expect(onact).toHaveBeenCalledOnce();
});

test('a later step offers nothing', () => {
	show({ state: 'later' });
	expect(screen.queryByRole('button')).toBeNull();
});

test('a step that failed says so and can be done again', () => {
	show({ job_id: '0193a5c2-0000-7000-8000-00000000f001' });
	expect(screen.getByRole('button', { name: 'See why it failed' })).toBeTruthy();
	expect(screen.getByRole('button', { name: 'Plan the deployment' })).toBeTruthy();
});

test('a step that a job does is watched, not pressed again', () => {
	show({ state: 'underway', job_id: '0193a5c2-0000-7000-8000-00000000f001' });
	expect(screen.getByRole('button', { name: 'Watch it' })).toBeTruthy();
	expect(screen.queryByRole('button', { name: 'Plan the deployment' })).toBeNull();
});

test('a refused release is told as what the tour wanted', () => {
	show({ id: 'refused', state: 'done', job_id: '0193a5c2-0000-7000-8000-00000000f001' });
	expect(screen.getByRole('button', { name: 'See why it was refused' })).toBeTruthy();
});
