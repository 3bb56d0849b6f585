//! The way back after the switch, and the end of a service.

use super::switch;
use crate::{
    agent::Agent,
    clock, docker,
    error::{AgentError, Result},
    journal::{self, Entry, Journal},
    lock::{Holder, Lock},
    record::{Retiring, ServiceRecord, file_stem},
};
use bollard::query_parameters::ListVolumesOptionsBuilder;
use plimsoll_domain::DeploymentId;
use plimsoll_protocol::{Deploy, RemoveService, Reverted, ServiceKey};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// How much longer than its grace the end of a container may take.
const CLAIM_PATIENCE: Duration = Duration::from_secs(5);

/// Back to what served before this deployment. Where it does not serve, nothing happens.
pub async fn take_back(agent: &Arc<Agent>, id: DeploymentId) -> Result<Reverted> {
    let entries = journal::read(&agent.settings.deployments(), id);
    let Some(deploy) = entries.iter().find_map(|entry| match entry {
        Entry::Begun { request, .. } => Some((**request).clone()),
        _ => None,
    }) else {
        return Ok(Reverted { serving: None });
    };
    let serving = |agent: &Agent| {
        let record = agent.records.get(&deploy.key)?;
        record.serving.map(|running| running.deployment_id)
    };
    if serving(agent) == Some(id) {
        let _lock = lock(agent, &deploy.key, id, "taking a deployment back")?;
        give_way(agent, &deploy).await?;
        Journal::open(&agent.settings.deployments(), id)?.append(&Entry::TakenBack)?;
        super::retire_service(agent, &deploy.key).await;
    }
    Ok(Reverted {
        serving: serving(agent),
    })
}

fn lock(agent: &Agent, key: &ServiceKey, id: DeploymentId, what: &str) -> Result<Lock> {
    let now = clock::now();
    let holder = Holder {
        owner: format!("the server ({what})"),
        deployment_id: id,
        since: now,
        heartbeat: now,
    };
    agent.locks.take(key, holder)
}

/// Sends new connections back to the container that served before.
async fn give_way(agent: &Agent, deploy: &Deploy) -> Result<()> {
    let gone = || {
        AgentError::refused(
            "nothing_to_return_to",
            "the container that served before has ended already",
            "Roll back to its release instead: it starts again from its image.",
        )
    };
    let back = |record: ServiceRecord| record.retiring.into_iter().find(|one| !one.undone);
    // What is just being ended must not be sent anybody: whoever is at it has to be through.
    let candidate = agent.records.get(&deploy.key).and_then(back);
    let claim = match &candidate {
        Some(Retiring { running, .. }) => {
            let patience = Duration::from_millis(running.spec.stop_grace_ms) + CLAIM_PATIENCE;
            agent
                .watched
                .claim_within(&running.container_id, patience)
                .await
        }
        None => None,
    };
    let Some(before) = agent.records.get(&deploy.key) else {
        return Ok(());
    };
    let previous = before.retiring.iter().find(|one| !one.undone).cloned();
    let same = previous.as_ref().map(|one| &one.running.container_id)
        == candidate.as_ref().map(|one| &one.running.container_id);
    let nowhere = match &previous {
        Some(_) => claim.is_none() || !same,
        None => before.kept.len() > 1 || candidate.is_some(),
    };
    if nowhere {
        return Err(gone());
    }
    let mut route = None;
    if let Some(previous) = &previous {
        let id = &previous.running.container_id;
        if previous.stopped {
            agent.engine.start(id).await?;
        }
        let seen = agent.engine.see(id).await?.unwrap_or_default();
        if !seen.running {
            return Err(AgentError::refused(
                "nothing_to_return_to",
                "the container that served before does not run any more",
                "Roll back to its release instead: it starts again from its image.",
            ));
        }
        route = switch::route(seen.address, previous.running.spec.port);
    }
    let now = clock::now();
    agent.records.update(&deploy.key, |record| {
        let back = record.retiring.iter().position(|one| !one.undone);
        let back = back.map(|index| record.retiring.remove(index).running);
        if let Some(undone) = std::mem::replace(&mut record.serving, back) {
            let undone = Retiring {
                running: undone,
                warm_until: now,
                drain_until: now.plus_ms(switch::as_ms(deploy.spec.drain_ms)),
                stopped: false,
                undone: true,
            };
            record.retiring.insert(0, undone);
        }
        record
            .kept
            .retain(|kept| kept.deployment_id != deploy.deployment_id);
    })?;
    if let Err(error) = agent.nat.change(before.address, route).await {
        agent
            .records
            .update(&deploy.key, |record| *record = before.clone())?;
        return Err(error);
    }
    agent.watched.began(&deploy.key);
    Ok(())
}

/// Removes a service: its site, its containers, its secrets, its context, and with `volumes` its
/// data. Its journals stay for a while.
pub async fn remove_service(agent: &Arc<Agent>, request: &RemoveService) -> Result<()> {
    let key = &request.key;
    let Some(record) = agent.records.get(key) else {
        return Ok(());
    };
    let entropy = clock::random().map_err(AgentError::file("draw a number for", "the lock"))?;
    let id = DeploymentId::mint(clock::now(), entropy);
    let _lock = lock(agent, key, id, "removing the service")?;
    if let Some(site) = &record.site
        && !site.hosts.is_empty()
    {
        crate::site::remove(agent, key).await?;
    }
    agent.nat.change(record.address, None).await?;
    let running = record
        .serving
        .iter()
        .chain(record.retiring.iter().map(|one| &one.running));
    for running in running.clone() {
        let grace = running.spec.stop_grace_ms;
        agent.engine.stop(&running.container_id, grace).await?;
    }
    let label = format!("{}={}", docker::LABEL_SERVICE, file_stem(key));
    for (id, labels) in agent.engine.labelled(&label).await? {
        agent.engine.remove(&id).await?;
        if let Some(Ok(started_for)) = labels.get(docker::LABEL_DEPLOYMENT).map(|id| id.parse()) {
            agent.secrets.forget(started_for)?;
        }
    }
    for running in running {
        agent.secrets.forget(running.started_for)?;
    }
    if request.volumes {
        remove_volumes(agent, &label).await?;
    }
    agent.contexts.forget(key)?;
    agent.records.remove(key)?;
    agent.watched.forget(key);
    agent
        .engine
        .remove_network(&super::container::network_name(key))
        .await
}

async fn remove_volumes(agent: &Agent, label: &str) -> Result<()> {
    let options = ListVolumesOptionsBuilder::default()
        .filters(&HashMap::from([("label", vec![label])]))
        .build();
    let list = agent.engine.client()?.list_volumes(Some(options)).await;
    let list = list.map_err(AgentError::docker("list the service's volumes"))?;
    for volume in list.volumes.unwrap_or_default() {
        agent.engine.remove_volume(&volume.name).await?;
    }
    Ok(())
}
