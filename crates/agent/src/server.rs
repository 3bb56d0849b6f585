//! The socket: one connection, one request, its answer.

use crate::{
    agent::Agent,
    archive, build,
    error::{AgentError, Result},
    images, logs, machine, secrets, site, transaction,
    wire::{self, Body, Replies},
};
use plimsoll_protocol::{Reply, Request};
use serde::Serialize;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};
use tokio_util::io::SyncIoBridge;

/// Most connections at once; more wait.
const MAX_CONNECTIONS: usize = 64;
/// How long a request waits for what an agent does first after its start.
const READY_PATIENCE: Duration = Duration::from_secs(60);

/// Listens on the agent's socket, which replaces one that a dead agent left.
pub fn listen(path: &Path) -> Result<UnixListener> {
    crate::disk::remove_file(path)?;
    let listener = UnixListener::bind(path).map_err(AgentError::file("listen on", path))?;
    // Members of Docker's group are root already; to let them in gives nothing away. The deploy
    // login is one of them.
    let group = group_id("plimsoll").or_else(|| group_id("docker"));
    let mode = if group.is_some() { 0o660 } else { 0o600 };
    chown(path, Some(0), group)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(AgentError::file("set the rights of", path))?;
    Ok(listener)
}

fn group_id(name: &str) -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// Answers connections for as long as the agent lives.
pub async fn serve(agent: Arc<Agent>, listener: UnixListener) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let agent = Arc::clone(&agent);
                tokio::spawn(async move {
                    answer(agent, stream).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(agent: Arc<Agent>, stream: UnixStream) {
    let (envelope, body, replies) = match wire::read_request(stream).await {
        Ok(Some(request)) => request,
        Ok(None) => return,
        Err(error) => {
            tracing::debug!(%error, "no request came");
            return;
        }
    };
    let kind = kind(&envelope.request);
    let follow = matches!(envelope.request, Request::Logs(_));
    let outcome = handle(&agent, &envelope.owner, envelope.request, body, &replies).await;
    match outcome {
        Ok(None) => {}
        Ok(Some(answer)) => drop(replies.send(&Reply::Done { answer }).await),
        Err(error) => {
            let mut failure = error.failure();
            if failure.code == "disk_full" {
                failure.evidence.push(machine::free_space(&agent));
            }
            if !follow {
                tracing::info!(
                    kind,
                    code = failure.code,
                    message = failure.message,
                    "refused"
                );
            }
            replies.send(&Reply::Failed { failure }).await;
        }
    }
    replies.finish().await;
}

fn kind(request: &Request) -> &'static str {
    match request {
        Request::Hello => "hello",
        Request::SyncContext(_) => "sync_context",
        Request::Build(_) => "build",
        Request::Pull(_) => "pull",
        Request::Layers(_) => "layers",
        Request::Load(_) => "load",
        Request::Export(_) => "export",
        Request::Deploy(_) => "deploy",
        Request::Commit(_) => "commit",
        Request::Revert(_) => "revert",
        Request::Heartbeat(_) => "heartbeat",
        Request::Journal(_) => "journal",
        Request::RemoveService(_) => "remove_service",
        Request::SetSite(_) => "set_site",
        Request::Status => "status",
        Request::Logs(_) => "logs",
        Request::Prune(_) => "prune",
    }
}

fn value(answer: impl Serialize) -> Result<Option<serde_json::Value>> {
    serde_json::to_value(answer).map(Some).map_err(|why| {
        AgentError::refused(
            "unanswerable",
            format!("the answer has no JSON: {why}"),
            "Report this.",
        )
    })
}

/// Does what is asked. `Ok(None)` when the answer has been sent already.
async fn handle(
    agent: &Arc<Agent>,
    owner: &str,
    request: Request,
    mut body: Body,
    replies: &Replies,
) -> Result<Option<serde_json::Value>> {
    match request {
        Request::Hello => value(machine::hello(agent).await),
        Request::SyncContext(sync) => {
            let building = agent.building(&sync.key);
            let _one_at_a_time = building.lock().await;
            let store = agent.contexts.clone();
            let synced = crate::blocking(move || {
                if body.left() > 0 {
                    store.receive(SyncIoBridge::new(&mut body))?;
                }
                store.apply(&sync)
            });
            value(synced.await?)
        }
        Request::Build(request) => value(build::build(agent, &request, replies).await?),
        Request::Pull(request) => value(images::pull(agent, &request, body, replies).await?),
        Request::Layers(request) => value(images::layers(agent, &request).await?),
        Request::Load(request) => value(images::load(agent, &request, body, replies).await?),
        Request::Export(request) => {
            archive::export(agent, &request, replies).await?;
            Ok(None)
        }
        Request::Deploy(request) => {
            let bytes = body.secret().await?;
            let values = secrets::from_body(&bytes)?;
            ready(agent).await?;
            value(transaction::deploy(agent, owner, *request, values, replies).await?)
        }
        Request::Commit(of) => {
            ready(agent).await?;
            value(transaction::commit(agent, of.deployment_id, replies).await?)
        }
        Request::Revert(of) => {
            ready(agent).await?;
            value(transaction::revert(agent, of.deployment_id).await?)
        }
        Request::Heartbeat(of) => value(transaction::heartbeat(agent, of.deployment_id).await?),
        Request::Journal(of) => {
            // What was cut off is being finished or taken back: then its journal tells the end.
            let _ = ready(agent).await;
            value(transaction::journal_of(agent, of.deployment_id))
        }
        Request::RemoveService(request) => {
            ready(agent).await?;
            value(transaction::remove_service(agent, &request).await?)
        }
        Request::SetSite(request) => {
            let key = body.secret().await?;
            ready(agent).await?;
            value(site::set(agent, &request, &key, replies).await?)
        }
        Request::Status => value(machine::status(agent).await),
        Request::Logs(request) => {
            logs::logs(agent, &request, replies).await?;
            value(())
        }
        Request::Prune(request) => value(images::prune(agent, &request).await?),
    }
}

/// Waits until the agent has finished or taken back what it found after its start.
async fn ready(agent: &Agent) -> Result<()> {
    let mut recovered = agent.recovered.subscribe();
    let waited = tokio::time::timeout(READY_PATIENCE, recovered.wait_for(|done| *done)).await;
    match waited {
        Ok(Ok(_)) => Ok(()),
        _ => Err(AgentError::refused(
            "docker_unreachable",
            "Docker does not answer on the server",
            "Look whether Docker runs on the server (`systemctl status docker`), then try again.",
        )),
    }
}
