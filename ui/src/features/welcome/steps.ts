import type { TourStepIdView } from '$ipc';

/** What a step of the tour says: what it does, why, and what its button says. */
export interface StepWords {
	title: string;
	text: string;
	verb: string;
}

export const words: Record<TourStepIdView, StepWords> = {
	practice: {
		title: 'Start the practice cloud',
		text: 'A DigitalOcean and a Cloudflare on this machine, with real Linux servers in containers. No account, no bill. The first start makes its images and takes some minutes.',
		verb: 'Start the practice cloud'
	},
	accounts: {
		title: 'Connect its two accounts',
		text: 'One rents servers, one answers for names. Their tokens are tried and then kept in the keychain, as real ones would be.',
		verb: 'Connect both accounts'
	},
	server: {
		title: 'Provision a server',
		text: 'The plan shows the price, the firewall and every step before anything happens. Nothing runs until you approve it.',
		verb: 'Plan the server'
	},
	project: {
		title: 'Create the project “hello”',
		text: 'A small web application is written to a folder of yours, and a service “web” is made from it.',
		verb: 'Create the project'
	},
	deploy: {
		title: 'Deploy version 1',
		text: 'It is built, started beside nothing, asked how it is, and only then served.',
		verb: 'Plan the deployment'
	},
	domain: {
		title: 'Add a domain with HTTPS',
		text: 'A record, a certificate and strict TLS, each shown before and after.',
		verb: 'Plan the domain'
	},
	visit: {
		title: 'See it from outside',
		text: 'Its page, fetched by its name as a visitor would, with the certificate verified.',
		verb: 'Look at the site'
	},
	break: {
		title: 'Break it',
		text: 'Two lines of the sample are changed, so that its health check answers 500. You could do the same in your editor.',
		verb: 'Break its health check'
	},
	refused: {
		title: 'Release the broken version',
		text: 'It is started beside the one that serves, never becomes healthy, and is refused. Version 1 keeps answering all the while.',
		verb: 'Plan its release'
	},
	mistake: {
		title: 'Make a mistake that no check sees',
		text: 'The health check is mended, but now the page is wrong. This one will go live.',
		verb: 'Make the mistake'
	},
	live: {
		title: 'Release the mistake',
		text: 'It is healthy, so it replaces version 1 without a dropped request.',
		verb: 'Plan its release'
	},
	roll_back: {
		title: 'Roll back',
		text: 'The image of version 1 is still on the server, so going back takes seconds and builds nothing.',
		verb: 'Plan the rollback'
	}
};
