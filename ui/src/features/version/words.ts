import type {
	ImportedVersionView,
	NodeView,
	VersionCauseView,
	VersionDifferenceView,
	VersionView
} from '$ipc';
import { bytes, count } from '$parts/format';

/** Why a version was saved, for those without a message. */
export const CAUSES: Record<VersionCauseView, string> = {
	saved: 'Saved by hand',
	before_deploy: 'Before a deployment',
	before_restore: 'Before a restore',
	before_generation: 'Before files were generated',
	imported: 'From an archive'
};

/** What a version says about itself, in a line. */
export function said(version: VersionView): string {
	return version.message.split('\n')[0]?.trim() || CAUSES[version.cause];
}

/** What is shown of a hash. */
export function short(hash: string): string {
	return hash.slice(0, 12);
}

/** What stands under a name, in a line. */
export function described(node: NodeView | null): string {
	switch (node?.kind) {
		case undefined:
			return 'Not there';
		case 'file':
			return `${bytes(node.bytes)} · ${short(node.hash)}${node.executable ? ' · can be run' : ''}`;
		case 'link':
			return `A link to ${node.target}`;
		case 'folder':
			return `A folder, ${count(node.files, 'file')}`;
	}
}

/** How a path differs. */
export function change(difference: VersionDifferenceView): 'added' | 'removed' | 'changed' {
	if (!difference.before) return 'added';
	return difference.after ? 'changed' : 'removed';
}

/** How much was added, removed and changed, in a line. */
export function summed(differences: VersionDifferenceView[]): string {
	const sum = { added: 0, changed: 0, removed: 0 };
	for (const difference of differences) sum[change(difference)] += 1;
	const parts = (['added', 'changed', 'removed'] as const)
		.filter((kind) => sum[kind] > 0)
		.map((kind) => `${sum[kind]} ${kind}`);
	return parts.join(', ') || 'Nothing differs';
}

/** What a person should know about an archive that was taken in: a sentence, and whom it is about. */
export function remarks(taken: ImportedVersionView): { text: string; names: string[] }[] {
	return [
		{
			text: 'Left out with everything in it, as it is never part of a version:',
			names: taken.left_out
		},
		{
			text: 'These names are no UTF-8 and were read as code page 437. Look whether they are right; if not, make the archive again with UTF-8 names.',
			names: taken.read_as_437
		},
		{
			text: 'A computer with Windows could not keep these names. Rename them if the project shall work there.',
			names: taken.refused_by_windows
		}
	].filter(({ names }) => names.length > 0);
}
