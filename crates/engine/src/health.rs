//! How services are, live: each server is asked on its own, so that one that does not answer delays
//! nobody's news.

use crate::{Engine, Result, error::EngineError, world::World};
use futures::{Stream, StreamExt, stream};
use plimsoll_domain::{
    DeploymentId, EnvironmentId, ServerId, ServiceId, deployment::Deployment, job::Failure,
    project::Project, release::Release,
};
use plimsoll_protocol::{Health, ServiceKey, ServiceStatus};
use std::{collections::HashMap, time::Duration};

/// How long a server may take to answer before that is its news.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pause between two questions to a server, ms.
const PAUSE_MS: u64 = 5_000;

/// What runs on a server, or why that cannot be told.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerHealth {
    /// The server.
    pub server_id: ServerId,
    /// Why it did not answer; `None` when it did.
    pub failure: Option<Failure>,
    /// What runs there; empty when it did not answer.
    pub services: Vec<ServiceHealth>,
}

/// How a service is on one server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceHealth {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// How it is.
    pub health: Health,
    /// The deployment that serves.
    pub deployment_id: Option<DeploymentId>,
    /// The number of its release.
    pub release: Option<u32>,
    /// Restarts since it was deployed.
    pub restarts: u32,
    /// Names it answers for.
    pub hosts: Vec<String>,
    /// Where it answers on the server itself.
    pub address: Option<String>,
    /// Memory in use, bytes; `None` when it does not run.
    pub memory_bytes: Option<u64>,
}

impl Engine {
    /// What runs on a server now.
    pub async fn server_health(&self, id: ServerId) -> ServerHealth {
        let asked = tokio::time::timeout(PATIENCE, self.ask_health(id)).await;
        let services = asked.unwrap_or_else(|_| {
            Err(EngineError::new(
                crate::Kind::Remote,
                "server_silent",
                "The server did not answer within 15 seconds.",
            )
            .next_step("Look whether it runs and whether this machine is online."))
        });
        match services {
            Ok(services) => ServerHealth {
                server_id: id,
                failure: None,
                services,
            },
            Err(error) => ServerHealth {
                server_id: id,
                failure: Some(error.into_failure()),
                services: Vec::new(),
            },
        }
    }

    /// News of servers, each as soon as it answers, for as long as somebody listens.
    pub fn watch_health(
        &self,
        servers: Vec<ServerId>,
    ) -> impl Stream<Item = ServerHealth> + Send + use<> {
        let watched = servers.into_iter().map(|id| {
            let engine = self.clone();
            stream::unfold((engine, true), move |(engine, at_once)| async move {
                if !at_once {
                    engine.world.ports.clock.sleep_ms(PAUSE_MS).await;
                }
                let health = engine.server_health(id).await;
                Some((health, (engine, false)))
            })
            .boxed()
        });
        stream::select_all(watched)
    }

    async fn ask_health(&self, id: ServerId) -> Result<Vec<ServiceHealth>> {
        let status = self.server_status(id).await?;
        let known = known_on(&self.world, id).await?;
        let mut services = Vec::new();
        for status in status.services {
            // What another device's project left there is not ours to show.
            if let Some(&(environment_id, service_id)) = known.get(&status.key) {
                let release = release_of(&self.world, status.deployment_id).await?;
                services.push(shown(status, environment_id, service_id, release));
            }
        }
        Ok(services)
    }
}

fn shown(
    status: ServiceStatus,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    release: Option<u32>,
) -> ServiceHealth {
    ServiceHealth {
        environment_id,
        service_id,
        health: status.health,
        deployment_id: status.deployment_id,
        release,
        restarts: status.restarts,
        hosts: status.hosts,
        address: status.address,
        memory_bytes: status.memory_bytes,
    }
}

/// What could run on a server, by the names under which its agent knows it.
async fn known_on(
    world: &World,
    server: ServerId,
) -> Result<HashMap<ServiceKey, (EnvironmentId, ServiceId)>> {
    let mut known = HashMap::new();
    for environment in world.store.environments_on(server).await? {
        let project = world.store.need::<Project>(&environment.project_id).await?;
        for service in world.store.services_of(project.id).await? {
            let key = ServiceKey {
                project: project.name.clone(),
                environment: environment.name.clone(),
                service: service.name.clone(),
            };
            known.insert(key, (environment.id, service.id));
        }
    }
    Ok(known)
}

async fn release_of(world: &World, deployment: Option<DeploymentId>) -> Result<Option<u32>> {
    let Some(id) = deployment else {
        return Ok(None);
    };
    let deployment = world.store.get::<Deployment>(&id).await?;
    let Some(release) = deployment.and_then(|deployment| deployment.release_id) else {
        return Ok(None);
    };
    let release = world.store.get::<Release>(&release).await?;
    Ok(release.map(|release| release.number))
}
