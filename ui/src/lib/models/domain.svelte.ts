import type { CertificateView, DomainView } from '$ipc';
import { Rows } from './rows.svelte';

class Domains extends Rows<DomainView> {
	of(environmentId: string, serviceId: string): DomainView[] {
		return this.all.filter(
			(domain) => domain.environment_id === environmentId && domain.service_id === serviceId
		);
	}
}

class Certificates extends Rows<CertificateView> {}

export const domains = new Domains();
export const certificates = new Certificates();
