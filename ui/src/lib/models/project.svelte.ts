import type { EnvironmentView, ProjectView, ServiceView } from '$ipc';
import { Rows } from './rows.svelte';

class Projects extends Rows<ProjectView> {}

class Environments extends Rows<EnvironmentView> {
	of(projectId: string): EnvironmentView[] {
		return this.all.filter((environment) => environment.project_id === projectId);
	}
}

class Services extends Rows<ServiceView> {
	of(projectId: string): ServiceView[] {
		return this.all.filter((service) => service.project_id === projectId);
	}
}

export const projects = new Projects();
export const environments = new Environments();
export const services = new Services();
