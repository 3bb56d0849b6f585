//! Projects, their environments and services.

use super::{EnvironmentId, ProjectId, ServerId, ServiceId, VersionId};
use plimsoll_domain::{
    project::{Environment, Project, Service},
    source::{GitReference, Source},
};
use serde::{Deserialize, Serialize};
use specta::Type;

/// A product that somebody runs.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ProjectView {
    /// Id.
    pub id: ProjectId,
    /// Unique among projects.
    pub name: String,
    /// The version of its files that it works on; none means its folder as it is.
    pub active_version_id: Option<VersionId>,
    /// When it was created, RFC 3339.
    pub created_at: String,
}

impl From<Project> for ProjectView {
    fn from(project: Project) -> Self {
        Self {
            id: project.id.into(),
            name: project.name.to_string(),
            active_version_id: project.active_version_id.map(Into::into),
            created_at: project.created_at.to_string(),
        }
    }
}

/// One standing copy of a project.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct EnvironmentView {
    /// Id.
    pub id: EnvironmentId,
    /// The project.
    pub project_id: ProjectId,
    /// Unique within the project.
    pub name: String,
    /// Where its services run; the first builds.
    pub server_ids: Vec<ServerId>,
}

impl From<Environment> for EnvironmentView {
    fn from(environment: Environment) -> Self {
        Self {
            id: environment.id.into(),
            project_id: environment.project_id.into(),
            name: environment.name.to_string(),
            server_ids: environment.server_ids.into_iter().map(Into::into).collect(),
        }
    }
}

/// A part of a project that runs in containers of its own.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ServiceView {
    /// Id.
    pub id: ServiceId,
    /// The project.
    pub project_id: ProjectId,
    /// Unique within the project.
    pub name: String,
    /// Where its code comes from, in a line.
    pub source: String,
    /// Which kind of source: `folder`, `git`, `image` or `version`.
    pub source_kind: String,
    /// The port on which it listens; none for a worker.
    pub port: Option<u16>,
}

impl From<Service> for ServiceView {
    fn from(service: Service) -> Self {
        let (source_kind, source) = match service.source {
            Source::Folder { path } => ("folder", path),
            Source::Git { url, reference, .. } => (
                "git",
                match reference {
                    GitReference::Default => url,
                    GitReference::Branch(name) => format!("{url} ({name})"),
                    GitReference::Commit(hash) => format!("{url} ({hash})"),
                },
            ),
            Source::Image { reference } => ("image", reference),
            version @ Source::Version { .. } => ("version", version.to_string()),
        };
        Self {
            id: service.id.into(),
            project_id: service.project_id.into(),
            name: service.name.to_string(),
            source,
            source_kind: source_kind.to_owned(),
            port: service.spec.port,
        }
    }
}
