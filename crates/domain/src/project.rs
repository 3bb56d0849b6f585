//! Project → Environment → Service, and the variables that a service gets.

use crate::{
    ConfigurationId, EnvironmentId, ProjectId, ServerId, ServiceId, Timestamp, VariableId,
    VersionId,
    name::{Name, VariableName},
    service::ServiceSpec,
    settings::ProjectSettings,
    source::Source,
};
use serde::{Deserialize, Serialize};

/// A product that somebody runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Id.
    pub id: ProjectId,
    /// Unique among projects.
    pub name: Name,
    /// The version of its files that it works on; `None` for its folder as it is.
    #[serde(default)]
    pub active_version_id: Option<VersionId>,
    /// How its files and their versions are treated.
    #[serde(default)]
    pub settings: ProjectSettings,
    /// When it was created.
    pub created_at: Timestamp,
}

/// One standing copy of a project: production, staging, ….
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Id.
    pub id: EnvironmentId,
    /// The project.
    pub project_id: ProjectId,
    /// Unique within the project.
    pub name: Name,
    /// The servers on which its services run, in order; the first builds.
    pub server_ids: Vec<ServerId>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A part of a project that runs in containers of its own: web, worker, ….
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Id.
    pub id: ServiceId,
    /// The project.
    pub project_id: ProjectId,
    /// Unique within the project.
    pub name: Name,
    /// Where its code comes from.
    pub source: Source,
    /// How it is built and run.
    pub spec: ServiceSpec,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A variable of a service in an environment. The value of a secret is sealed and not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Id.
    pub id: VariableId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// Name in the process's environment.
    pub name: VariableName,
    /// The plain value, or `None` for a secret.
    pub value: Option<String>,
    /// Whether it is sealed.
    pub secret: bool,
    /// When it was last set.
    pub updated_at: Timestamp,
}

/// A deployment configuration that was saved under a name, to be used again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// Id.
    pub id: ConfigurationId,
    /// Unique among configurations.
    pub name: Name,
    /// How the service is built and run.
    pub spec: ServiceSpec,
    /// Plain variables that go with it.
    pub variables: Vec<(VariableName, String)>,
    /// When it was saved.
    pub created_at: Timestamp,
}
