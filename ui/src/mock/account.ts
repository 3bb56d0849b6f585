/** Logins and keys: one of each provider, and those of a practice cloud. */
import type { AccountView, KeyView, OpenFormView, TokenReportView } from '$ipc';
import { answer, asked, desk, fail, openForm, stated } from './answer';

export const accounts: AccountView[] = [
	{
		id: '0193a5c2-0000-7000-8000-00000000a001',
		provider: 'digitalocean',
		name: 'digitalocean',
		owner: 'ada@example.com',
		practice: false,
		url: null,
		created_at: '2026-09-02T08:12:00.000Z'
	},
	{
		id: '0193a5c2-0000-7000-8000-00000000a002',
		provider: 'cloudflare',
		name: 'cloudflare',
		owner: 'Ada Ltd',
		practice: false,
		url: null,
		created_at: '2026-09-02T08:15:00.000Z'
	},
	{
		id: '0193a5c2-0000-7000-8000-00000000a003',
		provider: 'digitalocean',
		name: 'practice-digitalocean',
		owner: 'practice@plimsoll.test',
		practice: true,
		url: 'https://127.0.0.1:7443',
		created_at: '2026-11-20T15:40:00.000Z'
	}
];

const keys: KeyView[] = [
	{
		id: '0193a5c2-0000-7000-8000-00000000b001',
		name: 'plimsoll',
		public: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl',
		fingerprint: 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
		created_at: '2026-09-02T08:20:00.000Z'
	}
];

const report: TokenReportView = {
	owner: 'ada@example.com',
	limits: ['droplets: 25', 'volumes: 100', 'reserved IPs: 3'],
	missing_scopes: asked('token') === 'narrow' ? ['firewall:create', 'snapshot:delete'] : [],
	expires_at: '2027-02-14T00:00:00.000Z'
};

const secret = (help: string): OpenFormView['form']['fields'][number] => ({
	name: 'token',
	label: 'API token',
	help,
	placeholder: '',
	unit: '',
	group: '',
	required: true,
	kind: { kind: 'secret' },
	shown_when: null
});

openForm('account', {
	form: {
		id: 'account',
		fields: [
			{
				name: 'name',
				label: 'Name',
				help: 'What this account is called here.',
				placeholder: 'digitalocean',
				unit: '',
				group: '',
				required: true,
				kind: { kind: 'text' },
				shown_when: null
			},
			secret(
				'Make one at cloud.digitalocean.com under API, Tokens: with full access, or with the scopes that the answer names. It is tried first, and then kept in the keychain.'
			)
		]
	},
	values: { name: 'digitalocean' },
	draft: null
});

openForm('account_token', {
	form: { id: 'account_token', fields: [secret('It is tried first, and then kept.')] },
	values: {},
	draft: null
});

const refused = (): never =>
	fail({
		code: 'unauthorized',
		message: 'DigitalOcean does not accept this token.',
		evidence: ['GET /v2/account: 401 unauthorized: Unable to authenticate you'],
		next_step: 'Make a new token at cloud.digitalocean.com under API, Tokens, and paste it here.',
		retryable: false,
		field: 'token'
	});

const connected = (): unknown =>
	asked('token') === 'refused'
		? refused()
		: { receipt: { id: accounts[0]?.id ?? '', seq: 1 }, report };

desk({ accounts, keys });
answer('account_connect', connected);
answer('account_replace_token', connected);
stated(
	'account_test',
	() => (asked('token') === 'refused' ? refused() : report),
	() => report
);
answer('account_disconnect', () =>
	fail({
		code: 'account_in_use',
		message: 'The account “digitalocean” is still needed.',
		evidence: ['server web-1'],
		next_step: 'Destroy or remove these first.',
		retryable: false
	})
);
answer('key_login', () => keys[0]);
