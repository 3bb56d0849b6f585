//! Removing a domain: our records, its site, its certificate when nothing else needs it.

use super::{DomainAction, Site, records::comparable};
use crate::{
    Engine, Plan, Result,
    deploy::here,
    intent::Intent,
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    CertificateId, DomainId,
    dns::{DnsRecord, Domain, HostName, RecordChange, ownership_comment},
    server::{Provider, ServerState},
};
use serde::{Deserialize, Serialize};

/// A domain to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainRemoveRequest {
    /// Which one.
    pub domain_id: DomainId,
}

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    domain: Domain,
    path: String,
    siblings: Vec<HostName>,
    records: Vec<DnsRecord>,
}

impl Engine {
    /// Plans to remove a domain. The zone's SSL mode stays, as other names may rely on it.
    pub async fn plan_domain_remove(&self, request: DomainRemoveRequest) -> Result<Plan> {
        let observed = observe(&self.world, &request).await?;
        let domain = &observed.domain;
        let mut here = here(&self.world, domain.environment_id, domain.service_id).await?;
        // A server that is off or gone keeps its site; it is no reason to keep the name.
        here.servers
            .retain(|server| server.state == ServerState::Ready);
        let mut steps = Steps::default();
        let changes: Vec<RecordChange> = observed
            .records
            .iter()
            .map(|record| RecordChange {
                before: Some(record.clone()),
                after: None,
            })
            .collect();
        super::records::steps(&mut steps, domain.account_id, &domain.zone_ref, &changes);
        let rest: Vec<String> = observed.siblings.iter().map(HostName::to_string).collect();
        let site = |hosts: Vec<String>| Site {
            certificate_id: domain.certificate_id.filter(|_| !hosts.is_empty()),
            hosts,
        };
        let mut all = rest.clone();
        all.push(domain.host.to_string());
        all.sort();
        super::site::steps(&mut steps, &here, &site(all), &site(rest.clone()));
        steps
            .then(
                format!("Strike {} out", domain.host),
                DomainAction::Delete {
                    domain_id: domain.id,
                },
            )
            .undo("write it down again");
        let unused: Option<CertificateId> = domain.certificate_id.filter(|_| rest.is_empty());
        if let Some(certificate_id) = unused {
            steps.then(
                "Revoke its certificate",
                DomainAction::Revoke { certificate_id },
            );
        }
        let prepared = Prepared {
            title: format!("Remove {} from {}", domain.host, observed.path),
            steps: steps.finish(),
            notices: Vec::new(),
        };
        self.save_plan(&Intent::DomainRemove(request), &observed, prepared)
            .await
    }
}

pub(crate) async fn observe(world: &World, request: &DomainRemoveRequest) -> Result<Observed> {
    let domain = world.store.need::<Domain>(&request.domain_id).await?;
    let here = here(world, domain.environment_id, domain.service_id).await?;
    let account = world
        .account(domain.account_id, Provider::Cloudflare)
        .await?;
    let comment = ownership_comment(domain.id);
    let records = world
        .ports
        .zones
        .records(&account, &domain.zone_ref, Some(domain.host.as_str()))
        .await?;
    let siblings = world
        .store
        .domains_of(domain.environment_id, domain.service_id)
        .await?;
    Ok(Observed {
        path: here.path(),
        siblings: siblings
            .into_iter()
            .filter(|other| other.id != domain.id)
            .map(|other| other.host)
            .collect(),
        // What somebody else made under this name is theirs.
        records: comparable(records)
            .into_iter()
            .filter(|record| record.comment == comment)
            .collect(),
        domain,
    })
}
