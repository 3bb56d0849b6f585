//! Removing a service, or all services, from an environment's servers.

use super::{DeployAction, Spot, ask, here, request::ServerSeen};
use crate::{
    Engine, Plan, Result,
    error::EngineError,
    intent::Intent,
    jobs::StepContext,
    ports::{Body, PortResult},
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    EnvironmentId, ServerId, ServiceId, project::Environment, server::ServerState,
};
use plimsoll_protocol::{RemoveService, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A service to be removed from an environment's servers. Its rows and history stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveServiceRequest {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// Its volumes too: data is lost.
    pub volumes: bool,
}

/// An environment to be removed, with all its services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveEnvironmentRequest {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The services' volumes too: data is lost.
    pub volumes: bool,
}

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    path: String,
    servers: Vec<ServerSeen>,
    domains: Vec<String>,
}

impl Engine {
    /// Plans to remove a service from an environment's servers.
    pub async fn plan_remove_service(&self, request: RemoveServiceRequest) -> Result<Plan> {
        let observed = observe(&self.world, &request).await?;
        refuse_with_domains(&observed)?;
        let here = here(&self.world, request.environment_id, request.service_id).await?;
        let mut steps = Steps::default();
        remove_steps(&mut steps, &here.spot(), &observed, request.volumes);
        let prepared = Prepared {
            title: format!("Remove {} from its servers", observed.path),
            steps: steps.finish(),
            notices: notices(request.volumes),
        };
        self.save_plan(&Intent::RemoveService(request), &observed, prepared)
            .await
    }

    /// Plans to remove all services of an environment from its servers, and then the environment.
    ///
    /// # Errors
    /// `environment_busy` while a job on one of these services is not over: it could end after the
    /// removal and leave what runs in an environment that is no more.
    pub async fn plan_remove_environment(&self, request: RemoveEnvironmentRequest) -> Result<Plan> {
        self.find_the_dead().await?;
        let intent = Intent::RemoveEnvironment(request.clone());
        self.refuse_beside(&intent).await?;
        let observed = observe_environment(&self.world, &request).await?;
        let mut steps = Steps::default();
        let environment = self
            .world
            .store
            .need::<Environment>(&request.environment_id)
            .await?;
        let services = self.world.store.services_of(environment.project_id).await?;
        for (seen, service) in observed.iter().zip(&services) {
            refuse_with_domains(seen)?;
            let here = here(&self.world, environment.id, service.id).await?;
            remove_steps(&mut steps, &here.spot(), seen, request.volumes);
        }
        steps.then(
            "Delete the environment",
            DeployAction::ForgetEnvironment {
                environment_id: environment.id,
            },
        );
        let prepared = Prepared {
            title: format!("Remove the environment “{}”", environment.name),
            steps: steps.finish(),
            notices: notices(request.volumes),
        };
        self.save_plan(&intent, &observed, prepared).await
    }
}

pub(crate) async fn observe(world: &World, request: &RemoveServiceRequest) -> Result<Observed> {
    let here = here(world, request.environment_id, request.service_id).await?;
    let domains = world
        .store
        .domains_of(request.environment_id, request.service_id)
        .await?;
    Ok(Observed {
        path: here.path(),
        servers: here.servers_seen(),
        domains: domains
            .into_iter()
            .map(|domain| domain.host.to_string())
            .collect(),
    })
}

pub(crate) async fn observe_environment(
    world: &World,
    request: &RemoveEnvironmentRequest,
) -> Result<Vec<Observed>> {
    let environment = world
        .store
        .need::<Environment>(&request.environment_id)
        .await?;
    let mut all = Vec::new();
    for service in world.store.services_of(environment.project_id).await? {
        let request = RemoveServiceRequest {
            environment_id: environment.id,
            service_id: service.id,
            volumes: request.volumes,
        };
        all.push(observe(world, &request).await?);
    }
    Ok(all)
}

fn refuse_with_domains(observed: &Observed) -> Result<()> {
    if observed.domains.is_empty() {
        return Ok(());
    }
    Err(EngineError::conflict(
        "service_has_domains",
        format!("Names still lead to {}.", observed.path),
    )
    .evidence(observed.domains.iter().cloned())
    .next_step("Remove these domains first."))
}

fn remove_steps(steps: &mut Steps, place: &Spot, observed: &Observed, volumes: bool) {
    let mut first = true;
    for server in &observed.servers {
        // What is gone, or was never ready, has nothing to be removed from.
        if server.state != ServerState::Ready {
            continue;
        }
        let title = format!("Remove {} from “{}”", observed.path, server.name);
        let action = DeployAction::Remove {
            server_id: server.id,
            place: place.clone(),
            volumes,
        };
        let step = if first {
            steps.then(title, action)
        } else {
            steps.beside(title, action)
        };
        first = false;
        step.on(server.id).downtime(0).change(
            format!("{} on {}", place.key.base(), server.name),
            Some("runs".to_owned()),
            None,
        );
    }
    steps.then(
        format!("Note that {} runs nowhere", observed.path),
        DeployAction::Forget {
            place: place.clone(),
        },
    );
}

fn notices(volumes: bool) -> Vec<String> {
    let mut notices = vec!["The service does not answer any more.".to_owned()];
    notices.push(if volumes {
        "Its volumes are deleted: their data is lost.".to_owned()
    } else {
        "Its volumes stay on the servers.".to_owned()
    });
    notices
}

pub(super) async fn remove(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    place: &Spot,
    volumes: bool,
) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    let request = Request::RemoveService(RemoveService {
        key: place.key.clone(),
        volumes,
    });
    let _: Value = ask(world, context, &target, request, Body::Empty).await?;
    let mut write = world.store.write().await?;
    write.forget_manifest(server_id, place.service_id).await?;
    write.commit().await?;
    Ok(json!({"removed": true}))
}

pub(super) async fn forget(world: &World, place: &Spot) -> PortResult<Value> {
    let mut write = world.store.write().await?;
    world
        .auditor
        .record(
            &mut write,
            "service.remove",
            &format!("service:{}", place.service_id),
            json!({"service": place.key.base(), "environment_id": place.environment_id}),
        )
        .await?;
    write.commit().await?;
    Ok(json!({"noted": true}))
}

pub(super) async fn forget_environment(world: &World, id: EnvironmentId) -> PortResult<Value> {
    let mut write = world.store.write().await?;
    if write.get::<Environment>(&id).await?.is_some() {
        write.delete::<Environment>(&id).await?;
        world
            .auditor
            .record(
                &mut write,
                "environment.remove",
                &format!("environment:{id}"),
                json!({}),
            )
            .await?;
    }
    write.commit().await?;
    Ok(json!({"deleted": true}))
}
