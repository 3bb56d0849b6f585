//! Where the agent keeps and finds things. Tests move everything under another root.

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
    /// How long a held deployment waits for a sign of life before it reverts, ms.
    pub hold_ms: u64,
}

impl Settings {
    /// Reads the settings from the environment: `PLIMSOLL_ROOT` moves all paths,
    /// `PLIMSOLL_DOCKER_SOCKET` names Docker's socket, `PLIMSOLL_HOLD_MS` the patience with a held
    /// deployment.
    pub fn from_env() -> Self {
        let root = env::var_os("PLIMSOLL_ROOT").map(PathBuf::from);
        let at = |path: &str| match &root {
            Some(root) => root.join(path.trim_start_matches('/')),
            None => PathBuf::from(path),
        };
        Self {
            state: at("/var/lib/plimsoll"),
            run: at("/run/plimsoll"),
            nginx: at("/etc/nginx"),
            nginx_conf: root.as_ref().map(|_| at("/etc/nginx/nginx.conf")),
            docker: env::var_os("PLIMSOLL_DOCKER_SOCKET")
                .map_or_else(|| PathBuf::from("/var/run/docker.sock"), PathBuf::from),
            socket: at(plimsoll_protocol::SOCKET_PATH),
            hold_ms: env::var("PLIMSOLL_HOLD_MS")
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(plimsoll_protocol::HOLD_EXPIRY_MS),
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
