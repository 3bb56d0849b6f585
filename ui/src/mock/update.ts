/** Newer versions of Plimsoll: one that was found, none, and a build that trusts no key. */
import type { UpdateView } from '$ipc';
import { answer, fail, stated } from './answer';

const newest: UpdateView = { current: '0.1.0', enabled: true, looked: true, found: null };
const found: UpdateView = {
	...newest,
	found: {
		version: '0.2.0',
		notes: 'Servers show what they cost a month.\nA rollback to a stopped release is quicker.',
		published_at: '2026-11-20T09:00:00Z'
	}
};

stated(
	'update_known',
	() => found,
	() => ({ ...newest, enabled: false, looked: false })
);
answer('update_look', () => newest);
answer('update_install', () =>
	fail({
		code: 'update_untrusted',
		message:
			'What was downloaded is not signed with the key that this Plimsoll trusts. Nothing was installed.',
		evidence: ['The signature verification failed'],
		next_step: 'Do not install it by hand either; tell those who publish it.',
		retryable: false
	})
);
