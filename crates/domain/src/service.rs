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

/// Whether an answer with this HTTP status is a good one, where these are expected: without any, all
/// from 200 to 299 are.
pub fn answers_well(status: u16, expected: &[u16]) -> bool {
    match expected {
        [] => (200..300).contains(&status),
        some => some.contains(&status),
    }
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// A setting of a service that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {why}")]
pub struct InvalidSpec {
    /// The setting, such as `health.path`.
    pub setting: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl ServiceSpec {
    /// Checks everything that a server could stumble over, before anything is changed.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        let refuse = |setting, why: &str| {
            Err(InvalidSpec {
                setting,
                why: why.to_owned(),
            })
        };
        if self.port == Some(0) {
            return refuse("port", "0 is no port to listen on");
        }
        match &self.health.probe {
            Probe::Http { path, statuses } => {
                if self.port.is_none() {
                    return refuse(
                        "health",
                        "a service without a port answers no HTTP: choose “running” or a command",
                    );
                }
                if !path.starts_with('/') {
                    return refuse("health.path", "it has to start with a slash");
                }
                // RFC 9112 §3.2: the request target is visible ASCII, everything else is encoded.
                if path.len() > 2_000 || !path.bytes().all(|b| b.is_ascii_graphic()) {
                    return refuse(
                        "health.path",
                        "only visible ASCII characters; write others percent-encoded",
                    );
                }
                if statuses.iter().any(|status| !(100..=599).contains(status)) {
                    return refuse("health.statuses", "a status lies between 100 and 599");
                }
            }
            Probe::Tcp if self.port.is_none() => {
                return refuse("health", "a service without a port accepts no connection");
            }
            Probe::Command { argv } if argv.is_empty() => {
                return refuse("health.command", "it is empty");
            }
            Probe::Tcp | Probe::Command { .. } | Probe::Running => {}
        }
        if self.health.interval_ms < 50 {
            return refuse("health.interval_ms", "less than 50 ms is no pause");
        }
        if self.health.timeout_ms == 0 || self.health.start_ms == 0 {
            return refuse("health", "a time of 0 ms lets nothing answer");
        }
        if self.health.successes == 0 || self.health.failures == 0 {
            return refuse("health", "at least one answer has to count");
        }
        if self
            .limits
            .memory_bytes
            .is_some_and(|bytes| bytes < 6 << 20)
        {
            return refuse("limits.memory", "Docker needs at least 6 MiB");
        }
        if self.limits.cpu_millis == Some(0) || self.limits.pids == Some(0) {
            return refuse("limits", "0 lets nothing run");
        }
        for (place, volume) in self.volumes.iter().enumerate() {
            let path = &volume.path;
            let whole = path.starts_with('/')
                && path.len() > 1
                && !path.contains([':', '\0', '\n'])
                && path
                    .split('/')
                    .skip(1)
                    .all(|part| !part.is_empty() && part != "." && part != "..");
            if !whole {
                return refuse(
                    "volumes",
                    "a volume goes to an absolute path without “..”, colons and line ends",
                );
            }
            let before = &self.volumes[..place];
            if before
                .iter()
                .any(|other| other.name == volume.name || other.path == *path)
            {
                return refuse("volumes", "two volumes share a name or a path");
            }
        }
        for (setting, argv) in [
            ("command", &self.command),
            ("release_command", &self.release_command),
        ] {
            if argv.iter().any(|word| word.contains('\0')) {
                return refuse(setting, "an argument contains a NUL character");
            }
            if argv.first().is_some_and(String::is_empty) {
                return refuse(setting, "the program's name is empty");
            }
        }
        self.build.check()
    }
}

impl BuildSpec {
    /// Checks paths and names that travel into a build.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        let refuse = |setting, why: &str| {
            Err(InvalidSpec {
                setting,
                why: why.to_owned(),
            })
        };
        if !self.dockerfile.is_empty() && !is_inside(&self.dockerfile) {
            return refuse(
                "build.dockerfile",
                "a relative path inside the source, without “..”",
            );
        }
        if self.target.starts_with('-') || self.target.contains(|c: char| c.is_whitespace()) {
            return refuse("build.target", "it is no name of a build stage");
        }
        for (name, value) in &self.args {
            if crate::name::VariableName::parse(name).is_err() {
                return refuse(
                    "build.args",
                    "a name consists of letters, digits and underscores",
                );
            }
            if value.contains('\0') {
                return refuse("build.args", "a value contains a NUL character");
            }
        }
        Ok(())
    }
}

/// Whether a path stays inside the folder it starts from: relative, without `..` and NUL.
pub fn is_inside(path: &str) -> bool {
    !path.starts_with('/')
        && !path.contains(['\0', '\\'])
        && path.split('/').all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_list_every_status_of_success_is_good() {
        assert!(answers_well(204, &[]) && !answers_well(301, &[]) && !answers_well(500, &[]));
        assert!(answers_well(301, &[301]) && !answers_well(200, &[301]));
    }

    fn refused(change: impl FnOnce(&mut ServiceSpec)) -> Option<&'static str> {
        let mut spec = ServiceSpec::default();
        change(&mut spec);
        spec.check().err().map(|error| error.setting)
    }

    #[test]
    fn what_a_server_would_stumble_over_is_refused_by_name() {
        assert_eq!(refused(|_| {}), None);
        assert_eq!(refused(|spec| spec.port = Some(0)), Some("port"));
        assert_eq!(refused(|spec| spec.port = None), Some("health"));
        for path in ["health", "/a b", "/ü", "/a\nHost: evil", ""] {
            let probe = Probe::Http {
                path: path.into(),
                statuses: vec![],
            };
            assert_eq!(
                refused(|spec| spec.health.probe = probe),
                Some("health.path"),
                "{path:?}"
            );
        }
        for path in ["data", "/", "/a/../b", "/a:ro", "//a"] {
            let volume = Volume {
                name: Name::suggest("data"),
                path: path.into(),
            };
            assert_eq!(
                refused(|spec| spec.volumes = vec![volume]),
                Some("volumes"),
                "{path:?}"
            );
        }
        for path in ["/etc/passwd", "../Dockerfile", "a/../../b"] {
            assert_eq!(
                refused(|spec| spec.build.dockerfile = path.into()),
                Some("build.dockerfile")
            );
        }
        assert_eq!(
            refused(|spec| spec.build.target = "--evil".into()),
            Some("build.target")
        );
    }
}
