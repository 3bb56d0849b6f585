//! What goes when a server goes, for people to see before they destroy it.

use super::destroy;
use crate::{DestroyRequest, DestroyTarget, Engine, Result};
use plimsoll_domain::{ServerId, project::Project, safety::is_deployable};
use serde::{Deserialize, Serialize};

/// What would be lost with a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// The name that a force has to give: the machine's at its provider, else the server's.
    pub name: String,
    /// Whether a rented machine goes with its disk; otherwise the server is only forgotten.
    pub is_machine: bool,
    /// Whether it takes a force: it does not carry our tag, or environments stand on it.
    pub takes_force: bool,
    /// Whether its disk can be kept as a snapshot first.
    pub can_snapshot: bool,
    /// What is not paid any more, integer cents of US dollars a month.
    pub price_cents_month: Option<u64>,
    /// Services that run nowhere afterwards, as `project/environment/service`.
    pub services: Vec<String>,
    /// Services that go on on other servers.
    pub services_elsewhere: Vec<String>,
    /// Volumes on it, as `project/environment/service: path`.
    pub volumes: Vec<String>,
    /// Names that nothing answers for afterwards.
    pub domains: Vec<String>,
    /// The reserved address that is given back.
    pub reserved_ip: Option<String>,
}

impl Engine {
    /// What would be lost with a server. Changes nothing.
    pub async fn losses(&self, server_id: ServerId) -> Result<Losses> {
        let store = &self.world.store;
        let request = DestroyRequest {
            target: DestroyTarget::Server { server_id },
            force: None,
        };
        let observed = destroy::observe(&self.world, &request).await?;
        let mut losses = Losses {
            takes_force: !observed.used_by.is_empty(),
            ..Losses::default()
        };
        if let Some(server) = &observed.server {
            losses.name = server.name.to_string();
            losses.reserved_ip = server.reserved_ip.clone();
        }
        if let Some(machine) = &observed.machine {
            losses.name.clone_from(&machine.name);
            losses.is_machine = true;
            losses.can_snapshot = true;
            losses.price_cents_month = Some(machine.price_cents_month);
            losses.takes_force |= !is_deployable(&machine.tags);
        }
        for environment in store.environments_on(server_id).await? {
            let project = store.need::<Project>(&environment.project_id).await?;
            let is_only = environment.server_ids == [server_id];
            for service in store.services_of(environment.project_id).await? {
                if store.serving(environment.id, service.id).await?.is_none() {
                    continue;
                }
                let path = format!("{}/{}/{}", project.name, environment.name, service.name);
                for volume in &service.spec.volumes {
                    losses.volumes.push(format!("{path}: {}", volume.path));
                }
                if is_only {
                    let domains = store.domains_of(environment.id, service.id).await?;
                    losses
                        .domains
                        .extend(domains.iter().map(|domain| domain.host.to_string()));
                    losses.services.push(path);
                } else {
                    losses.services_elsewhere.push(path);
                }
            }
        }
        Ok(losses)
    }
}
