//! The agent on a server: one forwarded connection to its unix socket a request.
//!
//! A warm request costs two round trips: one opens the channel, one carries the request and its
//! answer.

mod binary;
mod body;
mod conversation;
mod install;

use crate::ssh::{BULK_FROM, Opening, Ssh, Traffics};
use async_trait::async_trait;
use binary::Binary;
use body::Travelling;
use conversation::Conversation;
use plimsoll_domain::server::SshTarget;
use plimsoll_engine::ports::{Agents, Body, PortError, PortResult, Progress, Unwatched};
use plimsoll_protocol::{Envelope, Export, Hello, PROTOCOL_VERSION, Request, SOCKET_PATH};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{io::AsyncWriteExt, sync::OnceCell};

/// How long an answer that needs no work may take.
const QUICK: Duration = Duration::from_secs(60);
/// How long any other answer may take: as long as a job.
const SLOW: Duration = Duration::from_millis(plimsoll_domain::job::HARD_LIMIT_MS);

/// The agent's program for a processor, as Docker names it: in containers that run on this machine it
/// hands secrets to the application.
///
/// # Errors
/// `agent_binary_missing`; `agent_wrong_architecture` when it was made for another processor.
pub(crate) async fn program_for(architecture: &str) -> PortResult<Vec<u8>> {
    let binary = binary::look(&binary::find(None)?).await?;
    if binary.architecture != architecture {
        return Err(PortError::new(
            "agent_wrong_architecture",
            format!(
                "the agent's program is for {} processors, and this machine's Docker has \
                 {architecture}",
                binary.architecture
            ),
        )
        .next_step("Install the Plimsoll that was made for this machine."));
    }
    binary.bytes().await
}

/// The agents on all servers.
#[derive(Clone)]
pub struct AgentClient {
    ssh: Ssh,
    /// Who asks, for the agent's lock and journal: `user@machine`.
    owner: String,
    socket: String,
    /// The agent's binary on this machine; `None` looks for it.
    binary_path: Option<PathBuf>,
    binary: Arc<OnceCell<Binary>>,
}

impl AgentClient {
    /// Speaks to agents over these connections, in the name of `owner` (`user@machine`).
    pub fn new(ssh: Ssh, owner: impl Into<String>) -> Self {
        Self {
            ssh,
            owner: owner.into(),
            socket: SOCKET_PATH.to_owned(),
            binary_path: None,
            binary: Arc::default(),
        }
    }

    /// Looks for the agent's socket somewhere else than at [`SOCKET_PATH`].
    pub fn at_socket(mut self, path: impl Into<String>) -> Self {
        self.socket = path.into();
        self
    }

    /// Installs this binary instead of the one that `PLIMSOLL_AGENT` names or that is beside this
    /// program.
    pub fn with_binary(mut self, path: Option<PathBuf>) -> Self {
        self.binary_path = path;
        self.binary = Arc::default();
        self
    }

    /// BLAKE3 of the binary that [`Agents::ensure`] installs, hex: part of a server's recipe.
    pub async fn binary_hash(&self) -> PortResult<String> {
        Ok(self.binary().await?.hash)
    }

    async fn binary(&self) -> PortResult<Binary> {
        let path = self.binary_path.as_deref();
        let look = async || binary::look(&binary::find(path)?).await;
        self.binary.get_or_try_init(look).await.cloned()
    }

    async fn ask_hello(&self, target: &SshTarget) -> PortResult<Hello> {
        let answer = self
            .ask(target, &Request::Hello, Body::Empty, Arc::new(Unwatched))
            .await?;
        conversation::understood(answer, target)
    }

    async fn converse(
        &self,
        target: &SshTarget,
        request: &Request,
        body: Body,
        progress: Arc<dyn Progress>,
    ) -> PortResult<Conversation> {
        let body = Travelling::open(body).await?;
        let envelope = Envelope {
            protocol: PROTOCOL_VERSION,
            owner: self.owner.clone(),
            body_bytes: body.length(),
            request: request.clone(),
        };
        let mut line = serde_json::to_vec(&envelope).map_err(|error| {
            PortError::new(
                "agent_request",
                format!("a request cannot be written: {error}"),
            )
        })?;
        line.push(b'\n');
        let is_bulk = body.length() >= BULK_FROM || matches!(request, Request::Export(_));
        let traffic = if is_bulk {
            Traffics::Bulk
        } else {
            Traffics::Requests
        };
        let opening = Opening::Socket(self.socket.clone());
        let channel = self
            .ssh
            .open(target, traffic, opening)
            .await
            .map_err(|error| {
                if error.code() == "ssh_refused" {
                    absent(target, error)
                } else {
                    error
                }
            })?;
        Ok(Conversation::new(channel, target, line, body, progress))
    }
}

/// The server would not connect us to the agent's socket.
fn absent(target: &SshTarget, refusal: PortError) -> PortError {
    let evidence = refusal.0.evidence.first().cloned().unwrap_or_default();
    if evidence.contains("administratively prohibited") {
        return refusal;
    }
    PortError::new(
        "agent_absent",
        format!("no agent answers on {}", target.host),
    )
    .evidence(evidence)
    .next_step("Prepare the server again: that installs the agent, or starts it.")
    .retryable()
}

fn patience(request: &Request) -> Duration {
    match request {
        Request::Hello
        | Request::Heartbeat(_)
        | Request::Journal(_)
        | Request::Layers(_)
        | Request::Status => QUICK,
        Request::SyncContext(_)
        | Request::Build(_)
        | Request::Pull(_)
        | Request::Load(_)
        | Request::Export(_)
        | Request::Deploy(_)
        | Request::Commit(_)
        | Request::Revert(_)
        | Request::RemoveService(_)
        | Request::SetSite(_)
        | Request::Logs(_)
        | Request::Prune(_) => SLOW,
    }
}

async fn within<T>(
    limit: Duration,
    target: &SshTarget,
    work: impl Future<Output = PortResult<T>>,
) -> PortResult<T> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(PortError::new(
            "agent_timeout",
            format!(
                "the agent on {} did not answer within {} s",
                target.host,
                limit.as_secs()
            ),
        )
        .next_step("Look at the server's load and at `journalctl -u plimsoll-agent`.")
        .retryable())
    })
}

#[async_trait]
impl Agents for AgentClient {
    async fn hello(&self, target: &SshTarget) -> PortResult<Option<Hello>> {
        match self.ask_hello(target).await {
            Ok(hello) => Ok(Some(hello)),
            Err(error) if error.code() == "agent_absent" => {
                install::explain_absence(&self.ssh, target, error).await
            }
            Err(error) => Err(error),
        }
    }

    async fn ensure(&self, target: &SshTarget) -> PortResult<Hello> {
        install::ensure(self, target).await
    }

    async fn ask(
        &self,
        target: &SshTarget,
        request: &Request,
        body: Body,
        progress: Arc<dyn Progress>,
    ) -> PortResult<serde_json::Value> {
        within(patience(request), target, async {
            let mut conversation = self.converse(target, request, body, progress).await?;
            // Log lines are the whole answer; without `follow` they simply end.
            let may_just_end = matches!(request, Request::Logs(_));
            conversation.answer(may_just_end).await
        })
        .await
    }

    async fn export(
        &self,
        target: &SshTarget,
        image_id: &str,
        skip_layers: usize,
        to: &Path,
    ) -> PortResult<u64> {
        let request = Request::Export(Export {
            image_id: image_id.to_owned(),
            skip_layers,
        });
        within(patience(&request), target, async {
            let mut conversation = self
                .converse(target, &request, Body::Empty, Arc::new(Unwatched))
                .await?;
            conversation.answer(false).await?;
            let failed = |error: std::io::Error| body::local(to, "writing an image", &error);
            let mut file = tokio::fs::File::create(to).await.map_err(failed)?;
            let mut written = 0;
            while let Some(bytes) = conversation.rest().await? {
                file.write_all(&bytes).await.map_err(failed)?;
                written += bytes.len() as u64;
            }
            file.flush().await.map_err(failed)?;
            Ok(written)
        })
        .await
    }
}
