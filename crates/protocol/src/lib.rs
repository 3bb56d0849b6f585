//! What desktop and agent say to each other.
//!
//! One connection to the agent's unix socket carries one request. The desktop writes one
//! [`Envelope`] as a line of JSON, then, where the request says so, a body of exactly
//! `body_bytes` bytes. The agent answers with [`Reply`] lines: any number of events, then one
//! `Done` or `Failed`. So a warm request costs two round trips: the channel and the answer.

mod context;
mod deploy;
pub mod install;
mod lines;
mod report;

pub use context::manifest_hash;
pub use deploy::*;
pub use lines::{Lines, MAX_LOG_LINE};
pub use report::*;

use plimsoll_domain::{DeploymentId, job::Failure};
use serde::{Deserialize, Serialize};

/// The version of these words. A desktop upgrades an agent that speaks an older one; an agent
/// refuses a request of a newer one by answering `Failed` with the code `agent_too_old`.
pub const PROTOCOL_VERSION: u32 = 1;

/// How long a held deployment waits for a sign of life from the desktop (`Heartbeat`) before it
/// reverts by itself, ms.
pub const HOLD_EXPIRY_MS: u64 = 60_000;

/// Where the agent listens.
pub const SOCKET_PATH: &str = "/run/plimsoll/agent.sock";

/// A request with what the agent must know to accept it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// [`PROTOCOL_VERSION`] of the desktop.
    pub protocol: u32,
    /// Who asks, for the lock and the journal: `user@machine`.
    pub owner: String,
    /// Bytes that follow the line.
    #[serde(default)]
    pub body_bytes: u64,
    /// What is asked.
    pub request: Request,
}

/// Everything an agent can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// Who are you, how is the machine? Answers [`Hello`].
    Hello,
    /// Takes files of a build context and tells which are missing; see [`SyncContext`]. Answers
    /// [`ContextSynced`].
    SyncContext(SyncContext),
    /// Builds an image from a synced context, streaming its log. Answers [`ImageReady`].
    Build(Build),
    /// Pulls an image from its registry (credentials in the body, JSON). Answers [`ImageReady`].
    Pull(Pull),
    /// Which layers and images of these are here? Answers [`LayersPresent`].
    Layers(Layers),
    /// Loads an archive (`docker load`, layers that are present left out) from the body. Answers
    /// [`ImageReady`].
    Load(Load),
    /// Writes an image as an archive (zstd), without the layers that the receiver has. Answers
    /// `null`; after the `Done` line come the archive's bytes until the end of the stream.
    Export(Export),
    /// The deployment transaction. Answers [`Deployed`].
    Deploy(Box<Deploy>),
    /// Second phase of a held deployment: switch. Answers [`Deployed`].
    Commit(OfDeployment),
    /// Second phase of a held deployment, or an undo: back to what ran before. Answers
    /// [`Reverted`].
    Revert(OfDeployment),
    /// Keeps a held deployment's lock alive. Answers `null`.
    Heartbeat(OfDeployment),
    /// How did this deployment end, here? Answers [`Journal`].
    Journal(OfDeployment),
    /// Removes a service: containers, routes, volumes when asked. Answers `null`.
    RemoveService(RemoveService),
    /// Sets or removes the site (names, certificate) of a service. Answers [`SiteSet`].
    SetSite(SetSite),
    /// What runs here. Answers [`Status`].
    Status,
    /// Log lines of a service, followed until the desktop hangs up. Answers events only.
    Logs(Logs),
    /// Which images a clean-up would remove, and with `remove` removes them. Answers [`Pruned`].
    Prune(Prune),
}

/// One line of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reply {
    /// A line of a log: build output, container output, what the agent does.
    Log {
        /// Where it comes from.
        stream: LogStream,
        /// The line, without its end, at most 16 KiB.
        line: String,
        /// Milliseconds since 1970, where the source knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_ms: Option<i64>,
    },
    /// A phase of the transaction has begun.
    Phase {
        /// Which one.
        phase: Phase,
    },
    /// It ended well.
    Done {
        /// The answer that the request names.
        answer: serde_json::Value,
    },
    /// It ended badly; the server is as it was before.
    Failed {
        /// Why, as people see it.
        failure: Failure,
    },
}

/// Where a log line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// The build.
    Build,
    /// The release command.
    Release,
    /// The container's standard output.
    Stdout,
    /// The container's standard error.
    Stderr,
    /// The agent itself.
    Agent,
}

/// A request about one deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfDeployment {
    /// Which one.
    pub deployment_id: DeploymentId,
}
