//! Services: where their code comes from, and how they are run.

use super::{taken, unknown};
use crate::{Engine, Receipt, Result, error::EngineError};
use plimsoll_domain::{
    ProjectId, Secret, ServiceId,
    name::Name,
    project::{Project, Service},
    service::ServiceSpec,
    source::Source,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A service to be created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewService {
    /// The project.
    pub project_id: ProjectId,
    /// Unique within the project.
    pub name: Name,
    /// Where its code comes from.
    pub source: Source,
    /// How it is built and run.
    pub spec: ServiceSpec,
}

/// Where the token for a service's source is kept.
pub(crate) fn source_token_entry(service: ServiceId) -> String {
    format!("source/{service}")
}

impl Engine {
    /// The services of a project.
    pub async fn services(&self, project: ProjectId) -> Result<Vec<Service>> {
        Ok(self.world.store.services_of(project).await?)
    }

    /// The service of that name.
    pub async fn service_named(&self, project: ProjectId, name: &Name) -> Result<Service> {
        match self.world.store.service_by_name(project, name).await? {
            Some(service) => Ok(service),
            None => {
                let there = self.services(project).await?;
                Err(unknown("service", name, there.iter().map(|s| &s.name)))
            }
        }
    }

    /// Creates a service.
    pub async fn create_service(&self, new: NewService) -> Result<Receipt<ServiceId>> {
        let world = &self.world;
        new.source.check()?;
        new.spec.check()?;
        world.store.need::<Project>(&new.project_id).await?;
        if world
            .store
            .service_by_name(new.project_id, &new.name)
            .await?
            .is_some()
        {
            return Err(taken("service", &new.name));
        }
        let service = Service {
            id: ServiceId::mint(world.now(), world.entropy()),
            project_id: new.project_id,
            name: new.name,
            source: new.source,
            spec: new.spec,
            created_at: world.now(),
        };
        self.write_service(&service, "service.create").await
    }

    /// Changes where a service's code comes from, or how it is run: from its next deployment on.
    pub async fn update_service(
        &self,
        id: ServiceId,
        source: Option<Source>,
        spec: Option<ServiceSpec>,
    ) -> Result<Receipt<ServiceId>> {
        let mut service = self.world.store.need::<Service>(&id).await?;
        if let Some(source) = source {
            source.check()?;
            service.source = source;
        }
        if let Some(spec) = spec {
            spec.check()?;
            service.spec = spec;
        }
        self.write_service(&service, "service.update").await
    }

    /// Deletes a service that runs in no environment.
    pub async fn delete_service(&self, id: ServiceId) -> Result<Receipt<ServiceId>> {
        let world = &self.world;
        let service = world.store.need::<Service>(&id).await?;
        let mut used = Vec::new();
        for environment in world.store.environments_of(service.project_id).await? {
            if world.store.serving(environment.id, id).await?.is_some() {
                used.push(environment.name.to_string());
            }
        }
        if !used.is_empty() {
            return Err(EngineError::conflict(
                "service_in_use",
                format!(
                    "The service “{}” was deployed to environments.",
                    service.name
                ),
            )
            .evidence(used)
            .next_step("Remove these environments, or keep the service."));
        }
        let mut write = world.store.write().await?;
        write.delete::<Service>(&id).await?;
        self.audited(
            &mut write,
            "service.delete",
            format!("service:{id}"),
            json!({"name": service.name}),
        )
        .await?;
        let seq = write.commit().await?;
        world.ports.keychain.delete(&source_token_entry(id)).await?;
        Ok(Receipt { id, seq })
    }

    /// Keeps the token for a service's source: of a private git repository, or `USER:PASSWORD` of
    /// an image's registry. `None` forgets it.
    pub async fn set_source_token(&self, id: ServiceId, token: Option<Secret>) -> Result<()> {
        let world = &self.world;
        let service = world.store.need::<Service>(&id).await?;
        let entry = source_token_entry(id);
        match &token {
            Some(token) => {
                world.redactor.learn(token);
                if token.expose().contains(|c: char| c.is_control()) || token.is_empty() {
                    return Err(EngineError::bad_input(
                        "invalid_token",
                        "This cannot be a token: it is empty or holds control characters.",
                    )
                    .next_step("Copy the token again, without anything around it."));
                }
                world.ports.keychain.set(&entry, token).await?;
            }
            None => world.ports.keychain.delete(&entry).await?,
        }
        self.note_done(
            "service.source_token",
            format!("service:{id}"),
            json!({"name": service.name, "set": token.is_some()}),
        )
        .await;
        Ok(())
    }

    async fn write_service(&self, service: &Service, act: &str) -> Result<Receipt<ServiceId>> {
        let mut write = self.world.store.write().await?;
        write.put(service).await?;
        self.audited(
            &mut write,
            act,
            format!("service:{}", service.id),
            json!({"name": service.name, "source": service.source}),
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt {
            id: service.id,
            seq,
        })
    }
}
