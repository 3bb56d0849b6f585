/** Names, certificates and zones; one certificate ends soon. */
import type { CertificateView, DomainView, DomainVisitView, ZoneView } from '$ipc';
import { answer, desk, fail, openForm, stated } from './answer';
import { accounts } from './account';

const account = accounts[1]?.id ?? '';
const day = 86_400_000;
const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString();

export const shopProduction = '0193a5c2-0000-7000-8000-00000000e001';
export const shopWeb = '0193a5c2-0000-7000-8000-00000000c001';

const certificates: CertificateView[] = [
	{
		id: '0193a5c2-0000-7000-8000-00000000d101',
		account_id: account,
		hosts: ['shop.example.com', 'www.example.com'],
		expires_at: inDays(5_470)
	},
	{
		id: '0193a5c2-0000-7000-8000-00000000d102',
		account_id: account,
		hosts: ['staging.example.com'],
		expires_at: inDays(12)
	}
];

const domain = (id: string, host: string, certificate: number): DomainView => ({
	id: `0193a5c2-0000-7000-8000-00000000d00${id}`,
	host,
	environment_id: shopProduction,
	service_id: shopWeb,
	account_id: account,
	zone_ref: 'z1',
	certificate_id: certificates[certificate]?.id ?? null,
	created_at: '2026-10-01T10:00:00.000Z'
});

const zones: ZoneView[] = [
	{ id: 'z1', name: 'example.com', status: 'active' },
	{ id: 'z2', name: 'example.org', status: 'pending' }
];

const visit: DomainVisitView = {
	http: {
		seen: {
			status: 301,
			version: 'HTTP/1.1',
			location: 'https://shop.example.com/',
			addresses: ['203.0.113.10'],
			body: ''
		},
		failure: null
	},
	https: {
		seen: {
			status: 200,
			version: 'HTTP/2.0',
			location: null,
			addresses: ['203.0.113.10'],
			body: '<!doctype html>\n<title>Hello from Plimsoll</title>\n<h1>Loaded safely</h1>\n<p>This is version 1.</p>'
		},
		failure: null
	}
};

openForm('domain', {
	form: {
		id: 'domain',
		fields: [
			{
				name: 'host',
				label: 'Name',
				help: 'In one of the account’s zones.',
				placeholder: 'app.example.com',
				unit: '',
				group: '',
				required: true,
				kind: { kind: 'text' },
				shown_when: null
			},
			{
				name: 'place',
				label: 'Leads to',
				help: 'The service that answers, in one of its environments.',
				placeholder: '',
				unit: '',
				group: '',
				required: true,
				kind: {
					kind: 'choice',
					options: [
						{ value: `${shopProduction}/${shopWeb}`, label: 'shop/production/web', help: '' }
					]
				},
				shown_when: null
			},
			{
				name: 'account',
				label: 'Account',
				help: 'The Cloudflare account that keeps the name’s zone.',
				placeholder: '',
				unit: '',
				group: '',
				required: true,
				kind: {
					kind: 'choice',
					options: [{ value: account, label: 'cloudflare', help: 'Ada Ltd' }]
				},
				shown_when: null
			},
			{
				name: 'replace',
				label: 'Record to replace',
				help: 'Only where a record that Plimsoll did not make is in the way: its content, such as 203.0.113.7.',
				placeholder: '',
				unit: '',
				group: 'When a record is in the way',
				required: false,
				kind: { kind: 'text' },
				shown_when: null
			}
		]
	},
	values: { place: `${shopProduction}/${shopWeb}`, account },
	draft: null
});

desk({
	certificates,
	domains: [
		domain('1', 'shop.example.com', 0),
		domain('2', 'www.example.com', 0),
		domain('3', 'staging.example.com', 1)
	]
});
stated(
	'domain_zones',
	() => zones,
	() => []
);
stated(
	'domain_visit',
	() => visit,
	() => visit
);
answer('domain_plan_add', () =>
	fail({
		code: 'zone_unknown',
		message: 'app.elsewhere.net lies in no zone of the account “cloudflare”.',
		evidence: ['example.com', 'example.org'],
		next_step: 'Choose a name in one of these zones, or add the zone at Cloudflare.',
		retryable: false,
		field: 'host'
	})
);
answer('domain_open', () => null);
