//! Environments and their servers.

use super::{taken, unknown};
use crate::{
    Engine, Receipt, Result, deploy::RemoveEnvironmentRequest, error::EngineError, intent::Intent,
};
use plimsoll_domain::{
    EnvironmentId, ProjectId, ServerId,
    name::Name,
    project::{Environment, Project},
    server::{Server, ServerState},
};
use serde_json::json;

impl Engine {
    /// The environments of a project.
    pub async fn environments(&self, project: ProjectId) -> Result<Vec<Environment>> {
        Ok(self.world.store.environments_of(project).await?)
    }

    /// The environment of that name.
    pub async fn environment_named(&self, project: ProjectId, name: &Name) -> Result<Environment> {
        match self.world.store.environment_by_name(project, name).await? {
            Some(environment) => Ok(environment),
            None => {
                let there = self.environments(project).await?;
                Err(unknown("environment", name, there.iter().map(|e| &e.name)))
            }
        }
    }

    /// Creates an environment on servers; the first of them builds.
    pub async fn create_environment(
        &self,
        project: ProjectId,
        name: Name,
        servers: Vec<ServerId>,
    ) -> Result<Receipt<EnvironmentId>> {
        let world = &self.world;
        world.store.need::<Project>(&project).await?;
        if world
            .store
            .environment_by_name(project, &name)
            .await?
            .is_some()
        {
            return Err(taken("environment", &name));
        }
        let environment = Environment {
            id: EnvironmentId::mint(world.now(), world.entropy()),
            project_id: project,
            name,
            server_ids: self.deployable(servers).await?,
            created_at: world.now(),
        };
        self.write_environment(&environment, "environment.create")
            .await
    }

    /// Gives an environment other servers. What runs on those it loses goes on there until it is
    /// removed; those it gains get it with the next deployment.
    pub async fn set_environment_servers(
        &self,
        id: EnvironmentId,
        servers: Vec<ServerId>,
    ) -> Result<Receipt<EnvironmentId>> {
        let mut environment = self.world.store.need::<Environment>(&id).await?;
        environment.server_ids = self.deployable(servers).await?;
        self.write_environment(&environment, "environment.servers")
            .await
    }

    /// Deletes an environment in which nothing runs.
    pub async fn delete_environment(&self, id: EnvironmentId) -> Result<Receipt<EnvironmentId>> {
        let world = &self.world;
        let environment = world.store.need::<Environment>(&id).await?;
        let mut running = Vec::new();
        for service in world.store.services_of(environment.project_id).await? {
            let serving = world.store.serving(id, service.id).await?;
            let alive = match serving {
                Some(serving) => self.any_alive(&serving.server_ids).await?,
                None => false,
            };
            if alive {
                running.push(service.name.to_string());
            }
        }
        if !running.is_empty() {
            return Err(EngineError::conflict(
                "environment_in_use",
                format!("Services may still run in “{}”.", environment.name),
            )
            .evidence(running)
            .next_step("Remove the environment by its plan, which removes them too."));
        }
        let mut write = world.store.write().await?;
        let removal = RemoveEnvironmentRequest {
            environment_id: id,
            volumes: false,
        };
        self.refuse_beside(&Intent::RemoveEnvironment(removal))
            .await?;
        write.delete::<Environment>(&id).await?;
        self.audited(
            &mut write,
            "environment.delete",
            format!("environment:{id}"),
            json!({"name": environment.name}),
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt { id, seq })
    }

    async fn any_alive(&self, servers: &[ServerId]) -> Result<bool> {
        for id in servers {
            let server = self.world.store.get::<Server>(id).await?;
            if server.is_some_and(|server| server.state != ServerState::Destroyed) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Servers that may be deployed to: known, each once. One that is still being provisioned may
    /// be named, as it will be ready by the time something is deployed.
    async fn deployable(&self, servers: Vec<ServerId>) -> Result<Vec<ServerId>> {
        let mut checked: Vec<ServerId> = Vec::new();
        for id in servers {
            let server = self.world.store.need::<Server>(&id).await?;
            if checked.contains(&id) {
                return Err(EngineError::bad_input(
                    "server_twice",
                    format!("The server “{}” is named twice.", server.name),
                )
                .next_step("Name each server once."));
            }
            checked.push(id);
        }
        Ok(checked)
    }

    async fn write_environment(
        &self,
        environment: &Environment,
        act: &str,
    ) -> Result<Receipt<EnvironmentId>> {
        let mut write = self.world.store.write().await?;
        write.put(environment).await?;
        self.audited(
            &mut write,
            act,
            format!("environment:{}", environment.id),
            json!({"name": environment.name, "servers": environment.server_ids}),
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt {
            id: environment.id,
            seq,
        })
    }
}
