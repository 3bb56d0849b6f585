import { events } from '$ipc';

type Told = Parameters<Parameters<typeof events.dropping.listen>[0]>[0]['payload'];

/** Hears what is dragged over the window until the returned function is called. */
export function followDrops(hear: (told: Told) => void): () => void {
	let over = false;
	const listening = events.dropping.listen(({ payload }) => {
		if (!over) hear(payload);
	});
	return () => {
		over = true;
		void listening.then((stop) => stop());
	};
}
