//! Services that run on this machine's Docker.

use super::{Login, PortResult, Progress, ScreenSize};
use async_trait::async_trait;
use plimsoll_domain::{Secret, run::RunMark, service::Limits};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The engine that containers run on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEngine {
    /// Its version.
    pub version: String,
    /// Architecture of its processors, such as `amd64`.
    pub architecture: String,
}

/// A container to be made.
#[derive(Debug, Clone)]
pub struct RunOrder {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub mark: RunMark,
    /// The image, by its id.
    pub image: String,
    /// Its network, which has to be there.
    pub network: String,
    /// Names under which the others in its network find it.
    pub aliases: Vec<String>,
    /// Plain variables, `NAME=value`.
    pub env: Vec<String>,
    /// Secret variables as a JSON object; they are never part of what the engine tells about the
    /// container, nor on any disk.
    pub secrets: Option<Secret>,
    /// Replaces the image's command; empty keeps it.
    pub command: Vec<String>,
    /// Volumes that have to be there, and where they are mounted.
    pub volumes: Vec<(String, String)>,
    /// Limits.
    pub limits: Limits,
    /// The port on which it listens.
    pub port: Option<u16>,
    /// The port on 127.0.0.1 that is tried first; any free one otherwise.
    pub wish: Option<u16>,
    /// Between SIGTERM and SIGKILL, ms.
    pub stop_grace_ms: u64,
}

/// A container of a run, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunContainer {
    /// The engine's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub mark: RunMark,
    /// The image that it runs, by its id.
    pub image_id: String,
    /// Whether it runs.
    pub running: bool,
    /// Whether it was killed for its memory.
    pub oom_killed: bool,
    /// How it ended, when it has.
    pub exit_code: Option<i64>,
    /// When it started last, RFC 3339; empty when it never did.
    pub started_at: String,
    /// The port on 127.0.0.1 that leads to it.
    pub host_port: Option<u16>,
}

/// A network or a volume of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunThing {
    /// Its name, which is how the engine knows it.
    pub name: String,
    /// Whose it is.
    pub mark: RunMark,
}

/// Everything that runs of an installation have on the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunThings {
    /// Containers, running or not.
    pub containers: Vec<RunContainer>,
    /// Networks.
    pub networks: Vec<RunThing>,
    /// Volumes.
    pub volumes: Vec<RunThing>,
}

/// How a command in a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunAnswer {
    /// Exit status; `None` when it took too long.
    pub status: Option<i64>,
    /// The last of what it said.
    pub said: String,
}

/// Runs containers on this machine's Docker. Whatever is stopped or removed has to carry the label
/// of `home`, this installation: everything else is refused with `run_not_ours`.
#[async_trait]
pub trait LocalRuns: Send + Sync {
    /// The engine.
    ///
    /// # Errors
    /// `docker_missing`, `docker_permission`, `docker_elsewhere`, each with what to do.
    async fn engine(&self) -> PortResult<RunEngine>;
    /// Makes sure that an image is there, pulling it where it is not; answers its id. `login` is
    /// the registry's, as `user:password`.
    async fn pull(
        &self,
        reference: &str,
        login: Option<&Secret>,
        progress: Arc<dyn Progress>,
    ) -> PortResult<String>;
    /// Everything of this installation.
    async fn all(&self, home: &str) -> PortResult<RunThings>;
    /// A container of this installation; `None` when it is gone.
    async fn see(&self, home: &str, id: &str) -> PortResult<Option<RunContainer>>;
    /// Makes a network of its own; `Ok` when it is there.
    async fn ensure_network(&self, name: &str, mark: &RunMark) -> PortResult<()>;
    /// Makes a volume; `Ok` when it is there.
    async fn ensure_volume(&self, name: &str, mark: &RunMark) -> PortResult<()>;
    /// Makes a container and starts it. When that fails, it is removed again.
    async fn start(&self, order: &RunOrder) -> PortResult<RunContainer>;
    /// Runs a command in a container.
    async fn ask(
        &self,
        home: &str,
        id: &str,
        argv: &[String],
        patience_ms: u64,
    ) -> PortResult<RunAnswer>;
    /// Whether something accepts connections on a port of 127.0.0.1 and keeps them.
    async fn accepts(&self, port: u16) -> bool;
    /// Hands the last lines of a container on, and with `follow` the new ones until it ends or the
    /// future is dropped.
    async fn follow(
        &self,
        home: &str,
        id: &str,
        tail: u32,
        follow: bool,
        progress: Arc<dyn Progress>,
    ) -> PortResult<()>;
    /// Opens a shell in a container.
    async fn open_terminal(&self, home: &str, id: &str, size: ScreenSize) -> PortResult<Login>;
    /// Stops a container and removes it, with the volumes that have no name; `Ok` when it is gone.
    async fn remove_container(&self, home: &str, id: &str) -> PortResult<()>;
    /// Removes a network; `Ok` when it is gone.
    async fn remove_network(&self, home: &str, name: &str) -> PortResult<()>;
    /// Removes a volume and what is in it; `Ok` when it is gone.
    async fn remove_volume(&self, home: &str, name: &str) -> PortResult<()>;
    /// Removes an image that no name leads to and no container needs; otherwise it stays.
    async fn drop_image(&self, id: &str) -> PortResult<()>;
}
