import type {
	ConfigurationView,
	EnvironmentView,
	ProjectView,
	ServiceView,
	VariableView
} from '$ipc';
import type { Crumb } from './crumbs.svelte';
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

class Variables extends Rows<VariableView> {
	/** Those of a service in an environment, by name. */
	of(environmentId: string, serviceId: string): VariableView[] {
		return this.in(environmentId)
			.filter((variable) => variable.service_id === serviceId)
			.sort((a, b) => (a.name < b.name ? -1 : 1));
	}

	/** Those of all services in an environment. */
	in(environmentId: string): VariableView[] {
		return this.all.filter((variable) => variable.environment_id === environmentId);
	}
}

class Configurations extends Rows<ConfigurationView> {}

export const projects = new Projects();
export const environments = new Environments();
export const services = new Services();
export const variables = new Variables();
export const configurations = new Configurations();

/** The levels above a page of a project; the switcher leads to the same page of another one. */
export function projectCrumbs(id: string, page = ''): Crumb[] {
	return [
		{ label: 'Projects', path: '/projects' },
		{
			label: projects.get(id)?.name ?? 'Project',
			noun: 'project',
			path: `/projects/${id}`,
			choices: projects.all.map((one) => ({
				label: one.name,
				path: `/projects/${one.id}${page}`,
				selected: one.id === id
			}))
		}
	];
}
