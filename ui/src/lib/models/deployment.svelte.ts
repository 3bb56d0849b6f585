import type { DeploymentView, ReleaseView } from '$ipc';
import { Rows } from './rows.svelte';

/** The newest deployments and those that serve, and every one that changed since; not all there are. */
class Deployments extends Rows<DeploymentView> {
	/** Those of a service in an environment, newest first. */
	of(environmentId: string, serviceId: string): DeploymentView[] {
		return this.in(environmentId).filter((deployment) => deployment.service_id === serviceId);
	}

	/** Those of all services in an environment, newest first. */
	in(environmentId: string): DeploymentView[] {
		return this.all.filter((deployment) => deployment.environment_id === environmentId).reverse();
	}
}

class Releases extends Rows<ReleaseView> {}

export const deployments = new Deployments();
export const releases = new Releases();
