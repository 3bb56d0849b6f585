//! What there is: our servers, and the machines of an account with what may be deployed to.

use crate::{
    Engine, Result,
    error::EngineError,
    ports::{Body, Unwatched},
    world::ready,
};
use plimsoll_domain::{
    DeploymentId, ProviderAccountId, ServerId,
    deployment::Deployment,
    name::Name,
    release::Release,
    safety::is_deployable,
    server::{Provider, Server},
};
use plimsoll_protocol::{Prune, Pruned, Request, Status};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many releases of a service are looked at.
const MOST_RELEASES: u32 = 10_000;

/// A machine of an account, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name at the provider.
    pub name: String,
    /// The provider's id of it.
    pub provider_ref: String,
    /// Its public address.
    pub address: Option<String>,
    /// Its status in the provider's words.
    pub status: String,
    /// Region slug.
    pub region: String,
    /// Size slug.
    pub size: String,
    /// Price in integer cents of US dollars a month.
    pub price_cents_month: u64,
    /// Our record of it.
    pub server_id: Option<ServerId>,
    /// Whether it may be deployed to: it carries our tag, or was added by its owner. Others are
    /// shown locked.
    pub deployable: bool,
}

impl Engine {
    /// All servers that we know.
    pub async fn servers(&self) -> Result<Vec<Server>> {
        Ok(self.world.store.all::<Server>().await?)
    }

    /// The server of that name.
    pub async fn server_named(&self, name: &Name) -> Result<Server> {
        match self.world.store.server_by_name(name).await? {
            Some(server) => Ok(server),
            None => Err(EngineError::not_found(
                "server_unknown",
                format!("There is no server “{name}”."),
            )
            .evidence(self.servers().await?.iter().map(|s| s.name.to_string()))
            .next_step("Name one of the servers that are there, or provision one.")),
        }
    }

    /// All machines of an account.
    pub async fn listing(&self, account: ProviderAccountId) -> Result<Vec<Listed>> {
        let account = self.world.account(account, Provider::Digitalocean).await?;
        let droplets = self.world.ports.compute.droplets(&account, None).await?;
        let servers = self.servers().await?;
        Ok(droplets
            .into_iter()
            .map(|droplet| {
                let reference = droplet.id.to_string();
                let server = servers.iter().find(|server| {
                    server.account_id == Some(account.id)
                        && server.provider_ref.as_deref() == Some(&reference)
                });
                Listed {
                    deployable: server.is_some() && is_deployable(&droplet.tags)
                        || server.is_some_and(|server| server.recipe_hash.is_some()),
                    server_id: server.map(|server| server.id),
                    name: droplet.name,
                    provider_ref: reference,
                    address: droplet.public_ipv4,
                    status: droplet.status,
                    region: droplet.region,
                    size: droplet.size,
                    price_cents_month: droplet.price_cents_month,
                }
            })
            .collect())
    }

    /// What runs on a server, and how the machine is.
    pub async fn server_status(&self, id: ServerId) -> Result<Status> {
        let (server, target) = self.world.target(id).await?;
        ready(&server)?;
        Ok(self
            .world
            .ask(&target, &Request::Status, Body::Empty, Arc::new(Unwatched))
            .await?)
    }

    /// Which images on a server nothing can roll back to; with `remove` they are removed.
    pub async fn prune(&self, id: ServerId, remove: bool) -> Result<Pruned> {
        let (server, target) = self.world.target(id).await?;
        ready(&server)?;
        let request = Request::Prune(Prune {
            keep: self.kept_on(id).await?,
            remove,
            only: None,
        });
        let pruned: Pruned = self
            .world
            .ask(&target, &request, Body::Empty, Arc::new(Unwatched))
            .await?;
        if remove {
            self.note_done(
                "server.prune",
                format!("server:{id}"),
                serde_json::json!({"tags": pruned.tags, "freed_bytes": pruned.freed_bytes}),
            )
            .await;
        }
        Ok(pruned)
    }

    /// The deployments whose images some environment on this server can still roll back to.
    async fn kept_on(&self, server: ServerId) -> Result<Vec<DeploymentId>> {
        let store = &self.world.store;
        let mut kept = Vec::new();
        for environment in store.environments_on(server).await? {
            for service in store.services_of(environment.project_id).await? {
                let all: Vec<Release> = store
                    .releases_of(environment.id, service.id, None, MOST_RELEASES)
                    .await?;
                let serving: Option<Deployment> = store.serving(environment.id, service.id).await?;
                let serving = serving.and_then(|serving| serving.release_id);
                let newest = self.world.settings.keep_releases as usize;
                let needed: Vec<&str> = all
                    .iter()
                    .enumerate()
                    .filter(|(place, release)| *place < newest || Some(release.id) == serving)
                    .map(|(_, release)| release.image.name())
                    .collect();
                // A release with other settings runs the image of an earlier one, under its tag.
                kept.extend(
                    all.iter()
                        .filter(|release| needed.contains(&release.image.name()))
                        .map(|release| release.deployment_id),
                );
            }
        }
        kept.sort();
        kept.dedup();
        Ok(kept)
    }

    /// Writes one entry of the audit log that belongs to no other write.
    pub(crate) async fn note(
        &self,
        act: &str,
        subject: String,
        details: serde_json::Value,
    ) -> Result<i64> {
        let mut write = self.world.store.write().await?;
        self.world
            .auditor
            .record(&mut write, act, &subject, details)
            .await?;
        Ok(write.commit().await?)
    }
}
