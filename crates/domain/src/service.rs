//! What a service is, apart from its code: port, health, limits, volumes, commands.

use crate::name::Name;
use serde::{Deserialize, Serialize};

/// Everything about how a service is built and run that a release keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSpec {
    /// The port on which the container listens; `None` for a worker that serves nothing.
    pub port: Option<u16>,
    /// How the service proves that it is well.
    pub health: HealthCheck,
    /// Limits on the container.
    pub limits: Limits,
    /// Named volumes that outlive releases.
    pub volumes: Vec<Volume>,
    /// Command that replaces the image's, as an argument vector; empty keeps the image's.
    pub command: Vec<String>,
    /// Run once with the new image before the switch, as an argument vector; empty runs nothing.
    pub release_command: Vec<String>,
    /// What Docker does when the process ends.
    pub restart: RestartPolicy,
    /// How the image is built.
    pub build: BuildSpec,
    /// How long the previous container may finish its requests after the switch, ms.
    pub drain_ms: u64,
    /// How long a stopping container has between SIGTERM and SIGKILL, ms.
    pub stop_grace_ms: u64,
    /// How long the previous container stays running after a switch, ready to take over again, ms.
    pub keep_warm_ms: u64,
}

impl Default for ServiceSpec {
    fn default() -> Self {
        Self {
            port: Some(8080),
            health: HealthCheck::default(),
            limits: Limits::default(),
            volumes: Vec::new(),
            command: Vec::new(),
            release_command: Vec::new(),
            restart: RestartPolicy::default(),
            build: BuildSpec::default(),
            drain_ms: 30_000,
            stop_grace_ms: 10_000,
            keep_warm_ms: 600_000,
        }
    }
}

/// How a container proves that it is well, and how patiently it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    /// The question.
    pub probe: Probe,
    /// Pause between two questions, ms.
    pub interval_ms: u64,
    /// How long one answer may take, ms.
    pub timeout_ms: u64,
    /// How long a new container may take until its first good answer, ms.
    pub start_ms: u64,
    /// Good answers in a row before traffic is switched.
    pub successes: u32,
    /// Bad answers in a row after which a running container is restarted.
    pub failures: u32,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            probe: Probe::default(),
            interval_ms: 500,
            timeout_ms: 3_000,
            start_ms: 60_000,
            successes: 1,
            failures: 5,
        }
    }
}

/// The question of a health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Probe {
    /// `GET path` answers with one of the expected statuses.
    Http {
        /// Path with optional query; starts with `/`.
        path: String,
        /// Expected statuses; empty means 200 to 299.
        #[serde(default)]
        statuses: Vec<u16>,
    },
    /// A TCP connection is accepted.
    Tcp,
    /// A command inside the container exits with 0.
    Command {
        /// Argument vector.
        argv: Vec<String>,
    },
    /// The process runs and keeps running for `start_ms` or two intervals, whichever is shorter.
    Running,
}

impl Default for Probe {
    fn default() -> Self {
        Probe::Http {
            path: "/".to_owned(),
            statuses: Vec::new(),
        }
    }
}

/// Limits on a container; `None` means the server's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Processors in thousandths: 500 is half a core.
    pub cpu_millis: Option<u32>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

/// A named volume of a service in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Name, unique within the service.
    pub name: Name,
    /// Absolute path inside the container.
    pub path: String,
}

/// What Docker does when the container's process ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// Start again, also after a reboot.
    #[default]
    Always,
    /// Start again unless it ended with 0.
    OnFailure,
    /// Leave it stopped.
    Never,
}

/// How the image of a service is built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildSpec {
    /// Path of the Dockerfile within the context; empty means `Dockerfile`, or a generated one.
    pub dockerfile: String,
    /// Build stage to stop at; empty means the last.
    pub target: String,
    /// Build arguments, name and value. Not for secrets: they stay in the image's history.
    pub args: Vec<(String, String)>,
    /// Where the image is built.
    pub place: BuildPlace,
    /// How long a build may take, ms; 0 means 30 minutes.
    pub timeout_ms: u64,
}

/// Where an image is built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildPlace {
    /// On the first target server, from a context of which only changed bytes travel.
    #[default]
    Server,
    /// On this machine's Docker; only missing layers travel.
    Local,
}
