import type { Tone } from '$parts/types';
import { count, date } from '$parts/format';

const DAY_MS = 86_400_000;
/** From here on a certificate is replaced by adding its name again. */
const SOON_DAYS = 30;

/** How long a certificate still lasts, in words and in colour. */
export function expiry(
	expiresAt: string,
	now: number = Date.now()
): { tone: Tone; text: string; title: string } {
	const days = Math.floor((new Date(expiresAt).getTime() - now) / DAY_MS);
	const title = `Valid until ${date(expiresAt)}`;
	if (days < 0) return { tone: 'bad', text: 'has expired', title };
	if (days < SOON_DAYS) return { tone: 'warn', text: `${count(days, 'day')} left`, title };
	const years = Math.floor(days / 365);
	return {
		tone: 'good',
		text: years >= 2 ? `${years} years left` : `${count(days, 'day')} left`,
		title
	};
}

/** Whether the two answers of a name are as they should be: HTTP leads to HTTPS, HTTPS serves. */
export function verdict(
	host: string,
	http: { status: number; location: string | null } | null,
	https: { status: number } | null
): { tone: Tone; text: string } {
	if (!https) return { tone: 'bad', text: 'does not answer over HTTPS' };
	if (https.status >= 500) return { tone: 'bad', text: `answers ${https.status}` };
	const redirects =
		http !== null &&
		http.status >= 300 &&
		http.status < 400 &&
		(http.location?.startsWith(`https://${host}`) ?? false);
	if (!redirects) return { tone: 'warn', text: 'plain HTTP does not lead to HTTPS' };
	return { tone: 'good', text: 'answers as it should' };
}
