//! The end of containers that no longer serve: when their warm time is over and their connections
//! have finished, or had long enough.

use crate::{
    agent::Agent,
    clock,
    error::Result,
    journal::Journal,
    record::{Retiring, ServiceRecord},
    sockets,
};
use plimsoll_domain::image::ImageRef;
use plimsoll_protocol::{Phase, ServiceKey};
use std::sync::Arc;

/// Looks after every service's old containers.
pub async fn retire_all(agent: &Arc<Agent>) {
    for record in agent.records.all() {
        if !record.retiring.is_empty() {
            retire_service(agent, &record.key).await;
        }
    }
}

/// Looks after one service's old containers. What fails is tried again at the next look.
pub async fn retire_service(agent: &Arc<Agent>, key: &ServiceKey) {
    let Some(record) = agent.records.get(key) else {
        return;
    };
    for retiring in record.retiring {
        let Some(claim) = agent.watched.claim(&retiring.running.container_id) else {
            continue;
        };
        let agent = Arc::clone(agent);
        let key = key.clone();
        // Its own task: one container that needs its whole grace delays nobody.
        tokio::spawn(async move {
            if let Err(error) = look_after(&agent, &key, &retiring).await {
                tracing::warn!(%error, service = %key.base(), "an old container is still there");
            }
            drop(claim);
        });
    }
}

async fn look_after(agent: &Agent, key: &ServiceKey, retiring: &Retiring) -> Result<()> {
    let id = &retiring.running.container_id;
    if !still_retiring(agent, key, id) {
        return Ok(());
    }
    let now = clock::now();
    let seen = agent.engine.see(id).await?;
    let serves_connections = retiring.running.spec.port.is_some();
    if let Some(seen) = &seen {
        if !serves_connections && !retiring.stopped {
            // Two of a kind would do the same work twice; stopped it can still be started again.
            agent
                .engine
                .stop(id, retiring.running.spec.stop_grace_ms)
                .await?;
            agent.records.update(key, |record| {
                for one in &mut record.retiring {
                    one.stopped |= one.running.container_id == *id;
                }
            })?;
        }
        if now < retiring.warm_until {
            return Ok(());
        }
        if serves_connections && seen.running && now < retiring.drain_until {
            let open = sockets::served_connections(&sockets::of_process(seen.pid));
            if open > 0 {
                return Ok(());
            }
        }
        agent
            .engine
            .stop(id, retiring.running.spec.stop_grace_ms)
            .await?;
        agent.engine.remove(id).await?;
    }
    let record = agent.records.update(key, |record| {
        record
            .retiring
            .retain(|one| one.running.container_id != *id);
    })?;
    if let Some(record) = record {
        let started_for = retiring.running.started_for;
        let used = record
            .serving
            .iter()
            .chain(record.retiring.iter().map(|one| &one.running))
            .any(|running| running.started_for == started_for);
        // The same deployment may be on its way again after it was taken back.
        if !used && agent.runs.get(started_for).is_none() {
            agent.secrets.forget(started_for)?;
            if retiring.undone {
                untag_unless_used(agent, &record, &retiring.running.image).await?;
            }
        }
        finish(agent, &record)?;
    }
    Ok(())
}

/// A rollback may have taken it again before it was claimed.
pub fn still_retiring(agent: &Agent, key: &ServiceKey, id: &str) -> bool {
    agent.records.get(key).is_some_and(|record| {
        record
            .retiring
            .iter()
            .any(|one| one.running.container_id == id)
    })
}

/// Notes in the journal of who serves that nothing of the earlier ones is left.
fn finish(agent: &Agent, record: &ServiceRecord) -> Result<()> {
    match &record.serving {
        Some(serving) if record.retiring.is_empty() => {
            Journal::open(&agent.settings.deployments(), serving.deployment_id)?
                .phase(Phase::Finished)
        }
        _ => Ok(()),
    }
}

/// Forgets releases beyond the number to keep and removes the tags that only they used.
pub async fn forget_releases(agent: &Agent, key: &ServiceKey, keep: u32) -> Result<()> {
    let mut forgotten: Vec<ImageRef> = Vec::new();
    let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
    let record = agent.records.update(key, |record| {
        if record.kept.len() > keep {
            forgotten = record
                .kept
                .split_off(keep)
                .into_iter()
                .map(|k| k.image)
                .collect();
        }
    })?;
    let Some(record) = record else { return Ok(()) };
    for image in forgotten {
        untag_unless_used(agent, &record, &image).await?;
    }
    Ok(())
}

/// Removes the tag of a release of this service that nothing runs and nothing rolls back to.
async fn untag_unless_used(agent: &Agent, record: &ServiceRecord, image: &ImageRef) -> Result<()> {
    let name = image.name();
    let used = record.kept.iter().any(|kept| kept.image.name() == name)
        || record
            .serving
            .iter()
            .chain(record.retiring.iter().map(|one| &one.running))
            .any(|running| running.image.name() == name);
    if used || !name.starts_with(&format!("{}:deploy_", record.key.base())) {
        return Ok(());
    }
    agent.engine.untag(name).await
}
