import { api, Channel, refusedFrom, type ServerHealthView, type ServiceHealthView } from '$ipc';
import { SvelteMap } from 'svelte/reactivity';
import type { EnvironmentView } from '$ipc';

/** A service on one of its environment's servers; `now` is null when it does not run there. */
export interface Standing {
	serverId: string;
	/** News of the server: undefined until it was asked, null while it does not answer. */
	now: ServiceHealthView | null | undefined;
	/** Why the server did not answer. */
	away: ServerHealthView['failure'];
}

/** How a service is as a whole. */
export type Wellness =
	'unknown' | 'healthy' | 'starting' | 'partly' | 'away' | 'unhealthy' | 'stopped';

/** How services are on their servers: told by the engine while somebody looks. */
class Health {
	readonly #servers = new SvelteMap<string, ServerHealthView>();

	/** Has servers watched until the returned function is called. */
	watch(serverIds: string[]): () => void {
		if (serverIds.length === 0) return () => undefined;
		let over = false;
		let stop = (): void => undefined;
		const channel = new Channel<ServerHealthView>();
		channel.onmessage = (news) => {
			if (!over) this.#servers.set(news.server_id, news);
		};
		api
			.healthWatch(serverIds, channel)
			.then((number) => {
				stop = () => void api.streamStop(number);
				if (over) stop();
			})
			.catch((error: unknown) => {
				const failure = refusedFrom(error);
				for (const id of serverIds) {
					this.#servers.set(id, { server_id: id, failure, services: [] });
				}
			});
		return () => {
			over = true;
			stop();
		};
	}

	/** Where a service of an environment should run, and how it is there. */
	of(environment: EnvironmentView, serviceId: string): Standing[] {
		return environment.server_ids.map((serverId) => {
			const server = this.#servers.get(serverId);
			if (!server) return { serverId, now: undefined, away: null };
			const now = server.services.find(
				(service) => service.environment_id === environment.id && service.service_id === serviceId
			);
			return { serverId, now: server.failure ? undefined : (now ?? null), away: server.failure };
		});
	}

	/** Why a server does not answer; null when it does, undefined until it was asked. */
	away(serverId: string): ServerHealthView['failure'] | undefined {
		return this.#servers.get(serverId)?.failure;
	}

	/** The whole in a word. */
	wellness(environment: EnvironmentView, serviceId: string): Wellness {
		return together(this.of(environment, serviceId));
	}
}

/** One word for several servers: trouble on one is trouble. */
export function together(standings: Standing[]): Wellness {
	const known = standings.filter(({ now }) => now !== undefined);
	const away = standings.some((standing) => standing.away !== null);
	if (known.length === 0) return away ? 'away' : 'unknown';
	const all = known.map(({ now }) => now?.health ?? 'stopped');
	if (all.includes('unhealthy')) return 'unhealthy';
	if (away) return 'away';
	if (all.every((health) => health === 'stopped')) return 'stopped';
	if (all.includes('stopped')) return 'partly';
	if (all.includes('starting')) return 'starting';
	return 'healthy';
}

export const health = new Health();
