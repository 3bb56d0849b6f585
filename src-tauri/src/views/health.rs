//! How services are, and what they write down, live.

use super::{CommandError, DeploymentId, EnvironmentId, ServerId, ServiceId, mirror::mirror};
use plimsoll_engine::{LiveLine, ServerHealth, ServiceHealth};
use plimsoll_protocol::{Health, LogStream};
use serde::{Deserialize, Serialize};
use specta::Type;

mirror! {
    /// How a service is.
    HealthView of Health {
        /// Its last answers were good.
        Healthy,
        /// It started and has not answered yet.
        Starting,
        /// Its last answers were bad.
        Unhealthy,
        /// It does not run.
        Stopped,
    }
}

/// What runs on a server, or why that cannot be told.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ServerHealthView {
    /// The server.
    pub server_id: ServerId,
    /// Why it did not answer.
    pub failure: Option<CommandError>,
    /// What runs there.
    pub services: Vec<ServiceHealthView>,
}

/// How a service is on one server.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ServiceHealthView {
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// How it is.
    pub health: HealthView,
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
    /// Memory in use, bytes.
    pub memory_bytes: Option<u64>,
}

impl From<ServerHealth> for ServerHealthView {
    fn from(health: ServerHealth) -> Self {
        Self {
            server_id: health.server_id.into(),
            failure: health.failure.map(Into::into),
            services: health.services.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ServiceHealth> for ServiceHealthView {
    fn from(health: ServiceHealth) -> Self {
        Self {
            environment_id: health.environment_id.into(),
            service_id: health.service_id.into(),
            health: health.health.into(),
            deployment_id: health.deployment_id.map(Into::into),
            release: health.release,
            restarts: health.restarts,
            hosts: health.hosts,
            address: health.address,
            memory_bytes: health.memory_bytes,
        }
    }
}

/// News of a log that is followed. Its lines are asked for by their places.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct LiveLogNews {
    /// How many lines came so far.
    pub total: u64,
    /// Whether no more will come.
    pub ended: bool,
    /// Why it ended, when that was no ordinary end.
    pub failure: Option<CommandError>,
}

/// A line of it.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct LiveLineView {
    /// The text; empty for a line that is no longer kept.
    pub text: String,
    /// Whether it was written to standard error.
    pub is_error: bool,
    /// Whether it is still kept.
    pub kept: bool,
}

impl From<Option<LiveLine>> for LiveLineView {
    fn from(line: Option<LiveLine>) -> Self {
        match line {
            Some(line) => Self {
                text: line.text.to_string(),
                is_error: line.stream == LogStream::Stderr,
                kept: true,
            },
            None => Self {
                text: String::new(),
                is_error: false,
                kept: false,
            },
        }
    }
}
