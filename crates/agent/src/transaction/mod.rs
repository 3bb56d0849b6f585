//! The deployment transaction: start beside, prove healthy, switch, drain, keep or discard.
//!
//! It runs in a task of its own, whoever listens: a desktop that hangs up changes nothing. Each
//! phase is journalled before it begins to matter. The service's record is the point of no return:
//! before it names the new container, a crash takes everything back; afterwards, a crash goes on.

pub mod container;
mod forward;
mod prove;
mod recover;
mod retire;
mod run;
mod switch;
mod undo;

pub use recover::recover;
pub use retire::{retire_all, retire_service};
pub use run::{Command, Run, Runs};
pub use switch::{current_routes, introduce, refresh, refresh_service};
pub use undo::remove_service;

use crate::{
    agent::Agent,
    clock,
    error::{AgentError, Result},
    journal::{self, Entry, Standing},
    lock::Holder,
    record::ServiceRecord,
    secrets::Values,
    wire::Replies,
};
use plimsoll_domain::DeploymentId;
use plimsoll_protocol::{Deploy, Deployed, Journal, Phase, Reverted};
use std::sync::Arc;

/// Begins a deployment, or joins it when it runs, or answers what it answered.
pub async fn deploy(
    agent: &Arc<Agent>,
    owner: &str,
    request: Deploy,
    values: Values,
    replies: &Replies,
) -> Result<Deployed> {
    let id = request.deployment_id;
    let run = match agent.runs.get(id) {
        Some(run) => run,
        None => match answered(agent, id)? {
            Some(answer) => return Ok(answer),
            None => match begin(agent, owner, request, values) {
                Ok(run) => run,
                // Two requests for the same one at the same moment: the second joins the first.
                Err(error) => agent.runs.get(id).ok_or(error)?,
            },
        },
    };
    listen(&run, replies).await
}

/// What an earlier request for the same deployment answered. Nothing when it was never asked for,
/// was taken back, or failed in a way that may pass, such as a restart of the server in the middle:
/// then it runs (again).
fn answered(agent: &Agent, id: DeploymentId) -> Result<Option<Deployed>> {
    let standing = journal::standing(&journal::read(&agent.settings.deployments(), id));
    // A full disk can keep a journal from being ended after the switch. The record is the truth:
    // to run it again would end the very container that serves.
    if !matches!(standing, Standing::Ended(_) | Standing::TakenBack) {
        let records = agent.records.all();
        if let Some(answer) = records.iter().find_map(|record| switched_to(record, id)) {
            return Ok(Some(answer));
        }
    }
    match standing {
        Standing::Ended(answer) => Ok(Some(answer)),
        Standing::Failed(failure) if !failure.retryable => {
            Err(AgentError::Refused(Box::new(failure)))
        }
        // A held one that no task waits for was interrupted a moment ago.
        Standing::Held(_)
        | Standing::Failed(_)
        | Standing::Unknown
        | Standing::Open
        | Standing::TakenBack => Ok(None),
    }
}

/// The answer of a deployment that serves by the record, whatever its journal says.
fn switched_to(record: &ServiceRecord, id: DeploymentId) -> Option<Deployed> {
    let running = record.serving.as_ref()?;
    (running.deployment_id == id).then(|| Deployed {
        phase: Phase::Switched,
        container_id: running.container_id.clone(),
        switch_us: 0,
        reused_warm: running.started_for != id,
        previous: record.retiring.first().map(|one| one.running.deployment_id),
    })
}

fn begin(agent: &Arc<Agent>, owner: &str, request: Deploy, values: Values) -> Result<Arc<Run>> {
    check(&request, &values)?;
    let now = clock::now();
    let holder = Holder {
        owner: owner.to_owned(),
        deployment_id: request.deployment_id,
        since: now,
        heartbeat: now,
    };
    let lock = agent.locks.take(&request.key, holder)?;
    agent.records.ensure(&request.key)?;
    let journal = journal::Journal::begin(&agent.settings.deployments(), owner, &request)?;
    let (run, commands) = Run::new(request, lock);
    agent.runs.insert(Arc::clone(&run));
    let (agent, task) = (Arc::clone(agent), Arc::clone(&run));
    tokio::spawn(async move {
        let work = forward::Work::new(Arc::clone(&agent), Arc::clone(&task), journal, values);
        work.run(commands).await;
        agent.runs.remove(task.deploy.deployment_id);
    });
    Ok(run)
}

/// Refuses what could never work, before anything is touched.
fn check(request: &Deploy, values: &Values) -> Result<()> {
    let wrong =
        |message: String, next: &str| Err(AgentError::refused("bad_deployment", message, next));
    for name in &request.secret_names {
        if !values.keys().any(|have| have.as_str() == name) {
            return wrong(
                format!("the value of the secret “{name}” did not come with the request"),
                "Set the secret's value, then deploy again.",
            );
        }
    }
    if values.len() != request.secret_names.len() {
        return wrong(
            "the request holds values of secrets that it does not name".to_owned(),
            "Upgrade the desktop or the agent so that both agree.",
        );
    }
    for volume in &request.spec.volumes {
        let path = &volume.path;
        if !path.starts_with('/') || path == "/" || path.split('/').any(|part| part == "..") {
            return wrong(
                format!("the volume “{}” has the path “{path}”", volume.name),
                "A volume needs an absolute path inside the container that is not its root.",
            );
        }
    }
    use plimsoll_domain::service::Probe;
    let needs_port = matches!(request.spec.health.probe, Probe::Http { .. } | Probe::Tcp);
    if needs_port && request.spec.port.is_none() {
        return wrong(
            "the health check asks over the network, but the service has no port".to_owned(),
            "Name the service's port, or use the check “running” or a command.",
        );
    }
    if let Probe::Command { argv } = &request.spec.health.probe
        && argv.is_empty()
    {
        return wrong(
            "the health check's command is empty".to_owned(),
            "Name the command, or use another check.",
        );
    }
    Ok(())
}

/// Passes on what a run says until it answers. A listener that leaves does not end the run.
async fn listen(run: &Arc<Run>, replies: &Replies) -> Result<Deployed> {
    let mut next = 0;
    let mut version = run.watch();
    loop {
        version.borrow_and_update();
        for reply in run.events_from(&mut next) {
            replies.send(&reply).await;
        }
        if let Some(outcome) = run.outcome() {
            return outcome.map_err(|failure| AgentError::Refused(Box::new(failure)));
        }
        if version.changed().await.is_err() {
            return Err(interrupted());
        }
    }
}

/// The failure of a transaction that was cut off.
pub fn interrupted() -> AgentError {
    AgentError::refused(
        "interrupted",
        "the deployment was interrupted on the server and taken back",
        "Deploy again. What served before still serves.",
    )
    .that_may_pass()
}

/// Switches a held deployment.
pub async fn commit(agent: &Arc<Agent>, id: DeploymentId, replies: &Replies) -> Result<Deployed> {
    let Some(run) = agent.runs.get(id) else {
        let entries = journal::read(&agent.settings.deployments(), id);
        return match journal::standing(&entries) {
            Standing::Ended(answer) => Ok(answer),
            Standing::Failed(failure) => Err(AgentError::Refused(Box::new(failure))),
            Standing::Held(_) | Standing::Unknown | Standing::Open | Standing::TakenBack => {
                Err(unknown(id))
            }
        };
    };
    // One that was told already may listen no more, and is still there for a moment: it answers
    // what it did.
    let _ = run.tell(Command::Commit).await;
    let outcome = run.ended().await;
    replies.phase(Phase::Switched).await;
    outcome.map_err(|failure| AgentError::Refused(Box::new(failure)))
}

/// Takes a deployment back: a running or held one is cancelled, one that serves gives way to what
/// served before. One that is already back, or never was, is no error.
pub async fn revert(agent: &Arc<Agent>, id: DeploymentId) -> Result<Reverted> {
    if let Some(run) = agent.runs.get(id) {
        run.cancel();
        // It may have been past the point of no return: then it is undone below.
        let _ = run.ended().await;
        agent.runs.left(id).await;
    }
    undo::take_back(agent, id).await
}

/// Notes a sign of life of a held deployment's desktop.
pub async fn heartbeat(agent: &Agent, id: DeploymentId) -> Result<()> {
    let run = agent.runs.get(id).ok_or_else(|| unknown(id))?;
    run.heartbeat(clock::now());
    run.tell(Command::Heartbeat).await
}

fn unknown(id: DeploymentId) -> AgentError {
    AgentError::refused(
        "deployment_unknown",
        format!("deployment {id} is not at work on this server"),
        "It was reverted or never began here. Look at its journal, then deploy again.",
    )
}

/// How a deployment went here.
pub fn journal_of(agent: &Agent, id: DeploymentId) -> Journal {
    let entries = journal::read(&agent.settings.deployments(), id);
    let phases = entries.iter().filter_map(|entry| match entry {
        Entry::Phase { at, phase } => Some((*phase, *at)),
        _ => None,
    });
    let phases = phases.collect();
    let key = entries.iter().find_map(|entry| match entry {
        Entry::Begun { request, .. } => Some(request.key.clone()),
        _ => None,
    });
    let serving = key
        .and_then(|key| agent.records.get(&key))
        .and_then(|record| record.serving)
        .map(|running| running.deployment_id);
    let (failure, answer) = match journal::standing(&entries) {
        Standing::Failed(failure) => (Some(failure), None),
        Standing::Ended(answer) | Standing::Held(answer) => (None, Some(answer)),
        Standing::Unknown | Standing::Open | Standing::TakenBack => (None, None),
    };
    Journal {
        phases,
        running: agent.runs.get(id).is_some(),
        failure,
        answer,
        serving,
    }
}

/// What nobody waits for after a switch: old containers, old images, neighbours' names.
pub async fn afterwards(agent: &Arc<Agent>, deploy: &Deploy) {
    retire_service(agent, &deploy.key).await;
    let forgotten = retire::forget_releases(agent, &deploy.key, deploy.keep_releases).await;
    if let Err(error) = forgotten {
        tracing::warn!(%error, "old images are still there");
    }
    for record in agent.records.all() {
        let neighbour =
            container::network_name(&record.key) == container::network_name(&deploy.key);
        if neighbour && let Err(error) = switch::introduce(agent, &record.key).await {
            tracing::warn!(%error, "a neighbour does not know the service's name yet");
        }
    }
}
