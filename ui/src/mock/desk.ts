/** The opening, notices, and the question at closing. */
import { events, type CloseAsked, type DeskStateView } from '$ipc';
import { answer, asked, desk, fail, shut } from './answer';

const wanted = asked('desk');

answer('desk_state', (): DeskStateView => {
	switch (wanted) {
		case 'locked':
		case 'missing':
		case 'vault':
			return { state: 'locked', failure: shut(), vault: wanted === 'vault' };
		case 'failed':
			return { state: 'failed', failure: shut() };
		case 'opening':
			return { state: 'opening', asking_keychain: true };
		default:
			return { state: 'open' };
	}
});
answer('desk_reopen', () => null);
answer('desk_open_anyway', () => null);
answer('vault_create', () => null);
answer('vault_unlock', () =>
	fail({
		code: 'vault_wrong_passphrase',
		message: 'The vault was sealed with another passphrase.',
		evidence: [],
		next_step: 'Give the passphrase that it was made with. Nothing was changed.',
		retryable: false,
		field: 'passphrase'
	})
);
answer('notice_dismiss', () => null);
answer('window_hide', () => null);
answer('window_quit', () => null);

if (wanted === 'notices') {
	desk({
		notices: [
			{
				id: '2026-11-21T09:00:00.000Z',
				title: 'Plimsoll’s database was damaged',
				text:
					'It is kept as plimsoll.db.damaged-2026-11-21T09-00-00.000Z. The backup of 06:00 took its ' +
					'place: check what was changed after it.'
			}
		]
	});
}

if (wanted === 'closing-runs') {
	const question: CloseAsked = {
		jobs: [],
		runs: ['shop', 'blog'],
		at_quit: 'ask',
		failure: null,
		tray: true
	};
	setTimeout(() => void events.closeAsked.emit(question), 500);
}

if (wanted === 'closing') {
	const question: CloseAsked = {
		jobs: [
			{ id: '0193a5c2-0000-7000-8000-00000000e001', title: 'Deploy shop/production/web' },
			{ id: '0193a5c2-0000-7000-8000-00000000e002', title: 'Provision web-2' }
		],
		runs: [],
		at_quit: 'ask',
		failure: null,
		tray: true
	};
	// Once somebody listens.
	setTimeout(() => void events.closeAsked.emit(question), 500);
}
