/** A deployment to two servers as a plan: with DNS, bytes, money; outdated where that is asked. */
import type { PlanView } from '$ipc';
import { answer, asked, fail, stated } from './answer';
import { serverIds } from './server';
import { jobIds } from './job';

const id = '0193a5c2-0000-7000-8000-00000000b001';

const step = (
	title: string,
	group: number,
	more: Partial<PlanView['steps'][number]> = {}
): PlanView['steps'][number] => ({
	title,
	server_id: serverIds.web1,
	group,
	price_cents_month: null,
	transfer_bytes: null,
	downtime_ms: 0,
	undo: null,
	changes: [],
	...more
});

const plan: PlanView = {
	id,
	title: 'Deploy shop/production/web and add www.example.com',
	steps: [
		step('Send 14 of 212 files', 0, { transfer_bytes: 184_320 }),
		step('Build the image', 1, { undo: 'remove the image’s tag' }),
		step('Send the missing layers', 2, {
			server_id: serverIds.web2,
			transfer_bytes: 48_300_000,
			undo: 'remove the image’s tag'
		}),
		step('Start beside the old container, prove it healthy, hold', 3, {
			undo: 'go back to what runs now',
			changes: [{ subject: 'shop-production-web', before: 'release 11', after: 'release 12' }]
		}),
		step('Start beside the old container, prove it healthy, hold', 3, {
			server_id: serverIds.web2,
			undo: 'go back to what runs now',
			changes: [{ subject: 'shop-production-web', before: 'release 11', after: 'release 12' }]
		}),
		step('Point the name at both servers', 4, {
			server_id: null,
			undo: 'write the record of before',
			changes: [
				{ subject: 'A www.example.com', before: null, after: '203.0.113.10' },
				{ subject: 'A www.example.com', before: null, after: '203.0.113.11' },
				{ subject: 'CNAME old.example.com', before: 'shop.example.com', after: null }
			]
		}),
		step('Reserve an address', 4, { price_cents_month: 500, undo: 'give it back' }),
		step('Write the release down', 5, { server_id: null })
	],
	notices: [
		'“web-2” may not have the image: then it is copied from another server.',
		'The release command runs once, on web-1; what it does to data is not taken back.'
	],
	price_cents_month: 500,
	transfer_bytes: 48_484_320,
	downtime_ms: asked('plan') === 'downtime' ? 4_000 : 0,
	created_at: new Date(Date.now() - 20_000).toISOString()
};

stated(
	'plan_get',
	({ planId }) => ({ ...plan, id: planId }),
	({ planId }) => ({ ...plan, id: planId, notices: [] })
);
answer('plan_again', () => ({ ...plan, id: '0193a5c2-0000-7000-8000-00000000b002' }));
answer('plan_approve', () =>
	asked('plan') === 'outdated'
		? fail({
				code: 'plan_outdated',
				message: 'The world has changed since the plan was made, so nothing was done.',
				evidence: ['servers.1.state: "ready" → "off"', 'serving: 11 → 12'],
				next_step: 'Make the plan again and look at it.',
				retryable: false
			})
		: { id: jobIds.running, seq: 1 }
);
