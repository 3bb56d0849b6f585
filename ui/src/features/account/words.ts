import type { AccountView, ProviderView } from '$ipc';

export const providers: Record<ProviderView, { name: string; does: string }> = {
	digitalocean: { name: 'DigitalOcean', does: 'rents servers' },
	cloudflare: { name: 'Cloudflare', does: 'answers for names' }
};

/** Where an account's API answers, for people. */
export function whereOf(account: AccountView): string {
	if (account.practice) return 'practice cloud';
	return account.url ?? 'public API';
}

/** Milliseconds of a day. */
const DAY = 86_400_000;

/** Whole days until a moment; negative when it has passed, null when nobody said. */
export function daysUntil(at: string | null, now: number = Date.now()): number | null {
	if (at === null) return null;
	const then = new Date(at).getTime();
	return Number.isNaN(then) ? null : Math.floor((then - now) / DAY);
}
