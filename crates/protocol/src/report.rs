//! The words in which an agent reports.

use crate::{Phase, ServiceKey};
use plimsoll_domain::{DeploymentId, Timestamp, image::ImageRef, job::Failure};
use serde::{Deserialize, Serialize};

/// Who the agent is and how its machine is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the binary.
    pub version: String,
    /// BLAKE3 of the running binary, hex: tells whether an upgrade is needed.
    pub binary_hash: String,
    /// [`crate::PROTOCOL_VERSION`] that it speaks.
    pub protocol: u32,
    /// Machine facts.
    pub machine: Machine,
}

/// Facts about a machine, now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Architecture as Docker names it: `amd64`, `arm64`.
    pub architecture: String,
    /// Version of its Docker engine; empty when it does not answer.
    pub docker_version: String,
    /// Processors.
    pub cpus: u32,
    /// Load over one minute, in hundredths.
    pub load_centi: u32,
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// Memory that could be used, bytes.
    pub memory_available_bytes: u64,
    /// Disk of `/var/lib`, bytes.
    pub disk_bytes: u64,
    /// Free of it, bytes.
    pub disk_free_bytes: u64,
    /// Since boot, ms.
    pub uptime_ms: u64,
    /// The agent's own resident memory, bytes.
    pub agent_memory_bytes: u64,
    /// What all processors did since boot; `None` from an agent that does not tell.
    #[serde(default)]
    pub processor: Option<Processor>,
}

/// What all processors together did since boot. Two readings make a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processor {
    /// At work, ms.
    pub busy_ms: u64,
    /// At work or idle, ms.
    pub total_ms: u64,
}

/// What runs on a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Machine facts.
    pub machine: Machine,
    /// Every service that the agent keeps.
    pub services: Vec<ServiceStatus>,
}

/// One service on a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Which one.
    pub key: ServiceKey,
    /// The deployment that serves.
    pub deployment_id: Option<DeploymentId>,
    /// Its image.
    pub image: Option<ImageRef>,
    /// How it is.
    pub health: Health,
    /// Restarts since it was deployed.
    pub restarts: u32,
    /// Names it answers for.
    pub hosts: Vec<String>,
    /// Loopback-only address on the server where it answers, such as `198.18.0.2:80`.
    pub address: Option<String>,
    /// Memory in use, bytes; `None` when it does not run.
    pub memory_bytes: Option<u64>,
    /// Processor time that its container has used since it started, µs; `None` when it does not run
    /// or the agent does not tell.
    #[serde(default)]
    pub processor_us: Option<u64>,
    /// Docker's name of its container; `None` when there is none or the agent does not tell.
    #[serde(default)]
    pub container: Option<String>,
    /// Deployments whose images are kept for rolling back, newest first.
    pub kept: Vec<DeploymentId>,
}

/// How a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Its last answers were good.
    Healthy,
    /// It started and has not answered yet.
    Starting,
    /// Its last answers were bad.
    Unhealthy,
    /// It does not run.
    Stopped,
}

/// How a deployment went, on this server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// Phases with their moments; empty when this server never heard of the deployment.
    pub phases: Vec<(Phase, Timestamp)>,
    /// Whether it is being worked on now.
    pub running: bool,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
    /// The answer it gave, when it ended well.
    pub answer: Option<crate::Deployed>,
    /// The deployment that serves now.
    pub serving: Option<DeploymentId>,
}

/// Asks for log lines of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Logs {
    /// Which service.
    pub key: ServiceKey,
    /// A deployment of it; `None` means the one that serves.
    pub deployment_id: Option<DeploymentId>,
    /// How many of the last lines to begin with.
    pub tail: u32,
    /// Whether to go on with new lines.
    pub follow: bool,
}

/// Cleans up images that nothing can roll back to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Prune {
    /// Deployments that some environment can still roll back to: never touched.
    pub keep: Vec<DeploymentId>,
    /// Remove them; otherwise only tell.
    pub remove: bool,
    /// Looks at this tag and at no other: what a deployment that was taken back leaves.
    #[serde(default)]
    pub only: Option<String>,
}

/// Answer to [`Prune`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Tags that are (or would be) removed.
    pub tags: Vec<String>,
    /// Bytes that are (or would be) freed.
    pub freed_bytes: u64,
}
