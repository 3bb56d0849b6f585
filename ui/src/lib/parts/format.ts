/** Amounts as people read them; the command line writes them the same way. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes as `3.4 MB`. */
export function bytes(n: number): string {
	let amount = n;
	let unit = 0;
	while (Math.abs(amount) >= 1000 && unit + 1 < UNITS.length) {
		amount /= 1000;
		unit += 1;
	}
	return unit === 0 ? `${n} B` : `${amount.toFixed(1)} ${UNITS[unit]}`;
}

/** Integer cents of US dollars as `$12.34`. */
export function money(cents: number): string {
	const amount = Math.abs(Math.trunc(cents));
	const rest = String(amount % 100).padStart(2, '0');
	return `${cents < 0 ? '-' : ''}$${grouped(Math.trunc(amount / 100))}.${rest}`;
}

/** Milliseconds as `850 ms`, `4.2 s`, `3 min 5 s` or `2 h 4 min`. */
export function duration(ms: number): string {
	if (ms < 1_000) return `${Math.round(ms)} ms`;
	if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
	if (ms < 3_600_000)
		return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1_000)} s`;
	return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} min`;
}

/** How long ago, or in how long: `just now`, `5 min ago`, `in 3 days`, `12 Mar 2026`. */
export function ago(at: string | number | Date, now: number = Date.now()): string {
	const then = new Date(at).getTime();
	if (Number.isNaN(then)) return '';
	const away = Math.abs(now - then);
	const say = (n: number, unit: string): string =>
		then <= now ? `${n} ${unit} ago` : `in ${n} ${unit}`;
	if (away < 45_000) return then <= now ? 'just now' : 'in a moment';
	if (away < 3_600_000) return say(Math.max(1, Math.round(away / 60_000)), 'min');
	if (away < 86_400_000) return say(Math.round(away / 3_600_000), 'h');
	const days = Math.round(away / 86_400_000);
	if (days < 45) return say(days, days === 1 ? 'day' : 'days');
	return date(then);
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** A day as `12 Mar 2026`, in the person's time zone. */
export function date(at: string | number | Date): string {
	const day = new Date(at);
	return `${day.getDate()} ${MONTHS[day.getMonth()] ?? ''} ${day.getFullYear()}`;
}

/** A moment as `12 Mar 2026, 14:03:05`. Not by `Intl`: some systems report no language it knows. */
export function moment(at: string | number | Date): string {
	return `${date(at)}, ${clockTime(at)}`;
}

/** A time of day as `14:03:05`. */
export function clockTime(at: string | number | Date): string {
	const time = new Date(at);
	const two = (n: number): string => String(n).padStart(2, '0');
	return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** `1 server`, `2 servers`, `1,204 lines`; `many` where an s is not enough. */
export function count(n: number, one: string, many = `${one}s`): string {
	return `${grouped(n)} ${n === 1 ? one : many}`;
}

/** `1,234,567`. */
export function grouped(n: number): string {
	return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Most lines that a short message tells of a list. */
const TOLD = 3;

/** What became of files that were copied in: how many, and what is to be known about some of them. */
export function copied(taken: { files: number; left: string[]; windows: string[] }): string {
	const some = (lines: string[]): string => {
		const more = lines.length - TOLD;
		return lines.slice(0, TOLD).join('; ') + (more > 0 ? `; and ${grouped(more)} more` : '');
	};
	const left = taken.left.length ? `. Left out: ${some(taken.left)}` : '';
	const windows = taken.windows.length
		? `. A computer with Windows cannot keep ${some(taken.windows)}`
		: '';
	return `Copied ${count(taken.files, 'file')} in${left}${windows}`;
}
