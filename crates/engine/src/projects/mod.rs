//! Projects, their environments and services, and what their services are given.

mod configuration;
mod environment;
mod service;
mod variable;

pub use service::NewService;
pub use variable::{ImportChange, Imported, ImportedVariable};

pub(crate) use service::source_token_entry;

use crate::{Engine, Receipt, Result, error::EngineError};
use plimsoll_domain::{
    ProjectId,
    name::Name,
    project::{Environment, Project, Service},
    settings::ProjectSettings,
    version::Version,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A service in an environment of a project, found by names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The project.
    pub project: Project,
    /// The environment.
    pub environment: Environment,
    /// The service.
    pub service: Service,
}

impl Engine {
    /// All projects.
    pub async fn projects(&self) -> Result<Vec<Project>> {
        Ok(self.world.store.all::<Project>().await?)
    }

    /// The project of that name.
    pub async fn project_named(&self, name: &Name) -> Result<Project> {
        match self.world.store.project_by_name(name).await? {
            Some(project) => Ok(project),
            None => {
                let there = self.projects().await?;
                Err(unknown("project", name, there.iter().map(|p| &p.name)))
            }
        }
    }

    /// The service of an environment of a project, by their names.
    pub async fn place(&self, project: &Name, environment: &Name, service: &Name) -> Result<Place> {
        let project = self.project_named(project).await?;
        Ok(Place {
            environment: self.environment_named(project.id, environment).await?,
            service: self.service_named(project.id, service).await?,
            project,
        })
    }

    /// Creates a project.
    pub async fn create_project(&self, name: Name) -> Result<Receipt<ProjectId>> {
        let world = &self.world;
        if world.store.project_by_name(&name).await?.is_some() {
            return Err(taken("project", &name));
        }
        let project = Project {
            id: ProjectId::mint(world.now(), world.entropy()),
            name,
            active_version_id: None,
            settings: ProjectSettings::default(),
            created_at: world.now(),
        };
        let mut write = world.store.write().await?;
        write.put(&project).await?;
        self.audited(
            &mut write,
            "project.create",
            format!("project:{}", project.id),
            json!({"name": project.name}),
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt {
            id: project.id,
            seq,
        })
    }

    /// Deletes a project without environments, with its services and the versions of its files. Its
    /// folder stays as it is, and may be adopted by another project.
    pub async fn delete_project(&self, id: ProjectId) -> Result<Receipt<ProjectId>> {
        let world = &self.world;
        let project = world.store.need::<Project>(&id).await?;
        let environments = world.store.environments_of(id).await?;
        if !environments.is_empty() {
            return Err(EngineError::conflict(
                "project_in_use",
                format!("The project “{}” still has environments.", project.name),
            )
            .evidence(environments.iter().map(|e| e.name.to_string()))
            .next_step("Remove its environments first."));
        }
        let services = world.store.services_of(id).await?;
        let mut write = world.store.write().await?;
        // One writer at a time: none is saved from here on.
        let versions = world.store.versions_of(id).await?;
        for service in services {
            write.delete::<Service>(&service.id).await?;
        }
        for version in &versions {
            write.delete::<Version>(&version.id).await?;
        }
        write
            .forget_setting(&crate::versions::folder_setting(id))
            .await?;
        write.delete::<Project>(&id).await?;
        self.audited(
            &mut write,
            "project.delete",
            format!("project:{id}"),
            json!({"name": project.name, "versions": versions.len()}),
        )
        .await?;
        let seq = write.commit().await?;
        crate::versions::forget_records(world, id).await;
        Ok(Receipt { id, seq })
    }

    pub(crate) async fn audited(
        &self,
        write: &mut plimsoll_store::Write,
        act: &str,
        subject: String,
        details: Value,
    ) -> Result<()> {
        self.world
            .auditor
            .record(write, act, &subject, details)
            .await?;
        Ok(())
    }
}

fn unknown<'a>(noun: &str, name: &Name, there: impl Iterator<Item = &'a Name>) -> EngineError {
    EngineError::not_found(
        &format!("{noun}_unknown"),
        format!("There is no {noun} “{name}”."),
    )
    .evidence(there.map(Name::to_string))
    .next_step(format!("Name one that is there, or create the {noun}."))
}

fn taken(noun: &str, name: &Name) -> EngineError {
    EngineError::conflict("name_taken", format!("There is a {noun} “{name}” already."))
        .next_step("Choose another name.")
}
