import { api, type VersionView } from '$ipc';
import { Rows } from './rows.svelte';

class Versions extends Rows<VersionView> {
	/** Those of a project, newest first. */
	of(projectId: string): VersionView[] {
		return this.all
			.filter((version) => version.project_id === projectId)
			.sort((a, b) => b.number - a.number);
	}

	/** Asks for those of a project; changes come by themselves from then on. */
	async load(projectId: string): Promise<VersionView[]> {
		const rows = await api.versionList(projectId);
		const there = new Set(rows.map(({ id }) => id));
		for (const { id } of this.of(projectId)) if (!there.has(id)) this.apply(id, null);
		for (const row of rows) this.apply(row.id, row);
		return rows;
	}
}

/** Saved states of projects' files, of the projects that were looked at. */
export const versions = new Versions();
