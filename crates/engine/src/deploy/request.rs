//! What can be asked for, and where: a service in an environment with its servers.

use super::Spot;
use crate::{
    error::{EngineError, Result},
    world::{World, ready},
};
use plimsoll_domain::{
    ConfigurationId, EnvironmentId, ServerId, ServiceId, Timestamp,
    name::Name,
    plan::hash_of,
    project::{Environment, Project, Service},
    server::{Server, ServerState},
    source::GitReference,
};
use plimsoll_protocol::ServiceKey;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// A new release of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployRequest {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// A branch or commit other than the service's own.
    pub reference: Option<GitReference>,
    /// A saved configuration to be used instead of the service's own.
    pub configuration_id: Option<ConfigurationId>,
    /// A version of the project's files, by its number, instead of what the service's source holds
    /// now.
    #[serde(default)]
    pub version: Option<u32>,
}

/// The release that serves, with the variables and settings of today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconfigureRequest {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
}

/// An earlier release again, with its own variables and settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRequest {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The release's number; `None` means the one before the one that serves.
    pub to: Option<u32>,
}

/// The release that serves, started anew with its own variables and settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartRequest {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
}

/// A service in an environment, with everything that stands around it.
pub(crate) struct Here {
    pub project: Project,
    pub environment: Environment,
    pub service: Service,
    pub servers: Vec<Server>,
}

/// A server, as far as a plan depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerSeen {
    pub id: ServerId,
    pub name: Name,
    pub state: ServerState,
    pub address: Option<String>,
}

impl Here {
    pub fn spot(&self) -> Spot {
        Spot {
            environment_id: self.environment.id,
            service_id: self.service.id,
            key: ServiceKey {
                project: self.project.name.clone(),
                environment: self.environment.name.clone(),
                service: self.service.name.clone(),
            },
        }
    }

    /// `shop/production/web`.
    pub fn path(&self) -> String {
        format!(
            "{}/{}/{}",
            self.project.name, self.environment.name, self.service.name
        )
    }

    pub(super) fn servers_seen(&self) -> Vec<ServerSeen> {
        self.servers
            .iter()
            .map(|server| ServerSeen {
                id: server.id,
                name: server.name.clone(),
                state: server.state,
                address: server.ssh.as_ref().map(|ssh| ssh.host.clone()),
            })
            .collect()
    }

    /// Refuses an environment without servers, or with one that cannot be worked on.
    pub fn check_servers(&self) -> Result<()> {
        if self.servers.is_empty() {
            return Err(EngineError::bad_input(
                "environment_without_servers",
                format!(
                    "The environment {}/{} has no servers.",
                    self.project.name, self.environment.name
                ),
            )
            .next_step("Give it at least one server."));
        }
        self.servers.iter().try_for_each(ready)
    }
}

pub(crate) async fn here(
    world: &World,
    environment_id: EnvironmentId,
    service_id: ServiceId,
) -> Result<Here> {
    let store = &world.store;
    let environment = store.need::<Environment>(&environment_id).await?;
    let service = store.need::<Service>(&service_id).await?;
    let project = store.need::<Project>(&environment.project_id).await?;
    if service.project_id != project.id {
        return Err(EngineError::bad_input(
            "service_elsewhere",
            format!(
                "The service “{}” is not part of the project “{}”.",
                service.name, project.name
            ),
        )
        .next_step("Name a service and an environment of the same project."));
    }
    let mut servers = Vec::new();
    for id in &environment.server_ids {
        // One that was destroyed is reported by its state, not as a missing row.
        if let Some(server) = store.get_any::<Server>(id).await? {
            servers.push(server);
        }
    }
    Ok(Here {
        project,
        environment,
        service,
        servers,
    })
}

/// A digest of each variable, so that a change between plan and start is seen by its name and its
/// value is not kept with the plan.
pub(crate) async fn variables_seen(world: &World, here: &Here) -> Result<BTreeMap<String, String>> {
    let variables = world
        .store
        .variables_of(here.environment.id, here.service.id)
        .await?;
    Ok(variables
        .into_iter()
        .map(|variable| {
            let moment: Timestamp = variable.updated_at;
            let digest = hash_of(&json!([variable.value, variable.secret, moment]));
            (variable.name.to_string(), digest[..16].to_owned())
        })
        .collect())
}
