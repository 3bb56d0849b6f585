//! After a restart of the agent or the server: each open journal is finished or taken back, and
//! what belongs to nobody goes.

use super::{forward::discard, interrupted};
use crate::{
    agent::Agent,
    clock, disk, docker,
    error::Result,
    journal::{self, Entry, Journal, Standing},
    site_files,
};
use plimsoll_domain::DeploymentId;
use plimsoll_protocol::{Deploy, Phase};
use std::collections::HashSet;

/// Finishes or takes back what was cut off. Runs once, before the first deployment is accepted.
pub async fn recover(agent: &Agent) -> Result<()> {
    let folder = agent.settings.deployments();
    for id in journal::list(&folder) {
        let entries = journal::read(&folder, id);
        let open = matches!(
            journal::standing(&entries),
            Standing::Open | Standing::Held(_)
        );
        let deploy = entries.iter().find_map(|entry| match entry {
            Entry::Begun { request, .. } => Some(request),
            _ => None,
        });
        if let (true, Some(deploy)) = (open, deploy) {
            recover_one(agent, deploy).await?;
        }
    }
    remove_orphans(agent).await?;
    remove_old_shims(agent).await?;
    journal::forget_old(&folder)
}

async fn recover_one(agent: &Agent, deploy: &Deploy) -> Result<()> {
    let id = deploy.deployment_id;
    let mut journal = Journal::open(&agent.settings.deployments(), id)?;
    let record = agent.records.get(&deploy.key);
    match record.and_then(|record| super::switched_to(&record, id)) {
        Some(answer) => {
            tracing::info!(%id, "a deployment was cut off after its switch: it stands");
            journal.phase(Phase::Switched)?;
            journal.append(&Entry::Ended { answer })
        }
        None => {
            tracing::info!(%id, "a deployment was cut off before its switch: it is taken back");
            discard(agent, deploy).await?;
            journal.append_all(&[
                Entry::Phase {
                    at: clock::now(),
                    phase: Phase::Reverted,
                },
                Entry::Failed {
                    failure: interrupted().failure(),
                },
            ])
        }
    }
}

/// Removes copies of former agents that no container begins with any more.
async fn remove_old_shims(agent: &Agent) -> Result<()> {
    let label = format!("{}=1", docker::LABEL_MANAGED);
    let used = agent.engine.mount_sources(&label).await?;
    for path in site_files::list(&agent.settings.state.join("shim")) {
        if path != agent.shim && !used.contains(&path.display().to_string()) {
            disk::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Removes containers and secrets of ours that no record names.
async fn remove_orphans(agent: &Agent) -> Result<()> {
    let records = agent.records.all();
    let running = || {
        records.iter().flat_map(|record| {
            let retiring = record.retiring.iter().map(|one| &one.running);
            record.serving.iter().chain(retiring)
        })
    };
    let known: HashSet<&str> = running().map(|one| one.container_id.as_str()).collect();
    let label = format!("{}=1", docker::LABEL_MANAGED);
    for (id, _) in agent.engine.labelled(&label).await? {
        if !known.contains(id.as_str()) {
            tracing::info!(id, "a container of nobody is removed");
            agent.engine.remove(&id).await?;
        }
    }
    let needed: HashSet<DeploymentId> = running().map(|one| one.started_for).collect();
    for id in agent.secrets.kept() {
        if !needed.contains(&id) {
            agent.secrets.forget(id)?;
        }
    }
    Ok(())
}
