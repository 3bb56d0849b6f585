//! Where the agent keeps and finds things. Tests move everything under another root.

use plimsoll_protocol::install;
use std::{
    env,
    path::{Path, PathBuf},
};

/// Paths and patience of one agent.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What must survive a reboot: `/var/lib/plimsoll`.
    pub state: PathBuf,
    /// What must not: `/run/plimsoll`.
    pub run: PathBuf,
    /// nginx's configuration folder: `/etc/nginx`.
    pub nginx: PathBuf,
    /// Configuration handed to nginx with `-c`; `None` uses its own default.
    pub nginx_conf: Option<PathBuf>,
    /// Docker's socket.
    pub docker: PathBuf,
    /// The socket that the agent listens on.
    pub socket: PathBuf,
    /// The binary that runs, the one before it, and the one that is to run.
    pub binary: PathBuf,
    /// See [`Settings::binary`].
    pub previous: PathBuf,
    /// See [`Settings::binary`].
    pub new: PathBuf,
    /// There while a new binary has not proved well.
    pub upgrading: PathBuf,
    /// systemd's folder for units: `/etc/systemd/system`.
    pub units: PathBuf,
    /// How long a new agent may take until it answers, ms.
    pub answer_within_ms: u64,
    /// How long a held deployment waits for a sign of life before it reverts, ms.
    pub hold_ms: u64,
}

impl Settings {
    /// Reads the settings from the environment: `PLIMSOLL_ROOT` moves all paths,
    /// `PLIMSOLL_DOCKER_SOCKET` names Docker's socket, `PLIMSOLL_HOLD_MS` the patience with a held
    /// deployment, `PLIMSOLL_ANSWER_WITHIN_MS` that with a new agent.
    pub fn from_env() -> Self {
        let root = env::var_os("PLIMSOLL_ROOT").map(PathBuf::from);
        let usual = Self::under(root.as_deref());
        let patience = |name: &str, usual: u64| {
            let named = env::var(name).ok().and_then(|text| text.parse().ok());
            named.unwrap_or(usual)
        };
        Self {
            docker: env::var_os("PLIMSOLL_DOCKER_SOCKET")
                .map_or_else(|| PathBuf::from("/var/run/docker.sock"), PathBuf::from),
            hold_ms: patience("PLIMSOLL_HOLD_MS", usual.hold_ms),
            answer_within_ms: patience("PLIMSOLL_ANSWER_WITHIN_MS", usual.answer_within_ms),
            ..usual
        }
    }

    /// The usual settings, with all paths under another root when one is named.
    pub fn under(root: Option<&Path>) -> Self {
        let at = |path: &str| match root {
            Some(root) => root.join(path.trim_start_matches('/')),
            None => PathBuf::from(path),
        };
        Self {
            state: at("/var/lib/plimsoll"),
            run: at("/run/plimsoll"),
            nginx: at("/etc/nginx"),
            nginx_conf: root.map(|_| at("/etc/nginx/nginx.conf")),
            docker: at("/var/run/docker.sock"),
            socket: at(plimsoll_protocol::SOCKET_PATH),
            binary: at(install::BINARY),
            previous: at(install::PREVIOUS),
            new: at(install::NEW),
            upgrading: at(install::UPGRADING),
            units: at("/etc/systemd/system"),
            answer_within_ms: install::ANSWER_WITHIN_MS,
            hold_ms: plimsoll_protocol::HOLD_EXPIRY_MS,
        }
    }

    /// The folder of the services' records.
    pub fn services(&self) -> PathBuf {
        self.state.join("services")
    }
    /// The folder of the deployments' journals.
    pub fn deployments(&self) -> PathBuf {
        self.state.join("deployments")
    }
    /// A folder for passing files; emptied at start.
    pub fn scratch(&self) -> PathBuf {
        self.state.join("scratch")
    }
    /// Secrets in memory, by deployment.
    pub fn secrets(&self) -> PathBuf {
        self.run.join("secrets")
    }
    /// The value of `DOCKER_HOST` for the Docker command line.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.docker.display())
    }
    /// The folder whose disk holds what grows.
    pub fn disk(&self) -> &Path {
        self.state.parent().unwrap_or(&self.state)
    }
}
