//! The switch: the record first, then one rule of the kernel.

use super::{
    container::network_name,
    forward::{Successor, crash_point},
};
use crate::{
    agent::Agent,
    clock,
    error::{AgentError, Result},
    nat::{Route, Routes},
    probe::{self, Answer, Target},
    record::{Kept, Retiring, Running, ServiceRecord},
};
use plimsoll_domain::Timestamp;
use plimsoll_protocol::{Deploy, Deployed, Phase, ServiceKey};
use std::{
    fs,
    io::{Read, Write},
    net::Ipv4Addr,
    path::Path,
    time::{Duration, Instant},
};

/// Most bytes of a container's hosts file that is added to.
const LARGEST_HOSTS: u64 = 1 << 20;
/// How long a look at a container that retires may take.
const CLAIM_PATIENCE: Duration = Duration::from_secs(2);
/// A warm container with less time left than this is not taken again, ms.
const WARM_MARGIN_MS: i64 = 5_000;

/// A warm container that is exactly what the deployment asks for, still well.
pub async fn find_warm(
    agent: &Agent,
    deploy: &Deploy,
    fingerprint: &str,
) -> Result<Option<Successor>> {
    let Some(record) = agent.records.get(&deploy.key) else {
        return Ok(None);
    };
    let now = clock::now();
    let warm = record.retiring.iter().find(|retiring| {
        retiring.running.fingerprint == fingerprint
            && !retiring.stopped
            && retiring.warm_until.since_ms(now) > WARM_MARGIN_MS
    });
    let Some(warm) = warm else { return Ok(None) };
    let id = &warm.running.container_id;
    // Held until the switch: its warm time may be over while the deployment waits for others.
    let Some(claim) = agent.watched.claim_within(id, CLAIM_PATIENCE).await else {
        return Ok(None);
    };
    if !super::retire::still_retiring(agent, &deploy.key, id) {
        return Ok(None);
    }
    let seen = agent.engine.see(&warm.running.container_id).await?;
    let Some((seen, address)) = seen.and_then(|seen| Some((seen.clone(), seen.address?))) else {
        return Ok(None);
    };
    if !seen.running {
        return Ok(None);
    }
    let target = Target {
        container_id: warm.running.container_id.clone(),
        address,
        port: deploy.spec.port,
        host: record
            .site
            .and_then(|site| site.hosts.first().cloned())
            .unwrap_or_else(|| "localhost".to_owned()),
        has_secrets: !deploy.secret_names.is_empty(),
    };
    let health = &deploy.spec.health;
    let patience = Duration::from_millis(health.timeout_ms);
    let answer = probe::ask(&agent.engine, &target, &health.probe, patience).await;
    if answer != Answer::Good {
        return Ok(None);
    }
    let mut running = warm.running.clone();
    running.deployment_id = deploy.deployment_id;
    running.spec = deploy.spec.clone();
    running.image = deploy.image.clone();
    running.since = now;
    Ok(Some(Successor {
        running,
        reused: Some(claim),
    }))
}

/// Sends new connections to the successor. From the moment its name is in the record there is no
/// way back for a crash, only forward.
pub async fn switch(agent: &Agent, deploy: &Deploy, successor: Successor) -> Result<Deployed> {
    let id = successor.running.container_id.clone();
    let reused_warm = successor.reused.is_some();
    let seen = agent.engine.see(&id).await?.unwrap_or_default();
    if !seen.running {
        let last = agent.engine.last_lines(&id, 20).await;
        let last = agent
            .secrets
            .redact_for(successor.running.started_for, last);
        return Err(AgentError::refused(
            "exited",
            format!(
                "the new container of “{}” ended before the switch",
                deploy.key.service
            ),
            "Deploy again. What served before still serves.",
        )
        .with_evidence(last));
    }
    let route = route(seen.address, deploy.spec.port);
    if !reused_warm {
        agent.engine.set_restart(&id, deploy.spec.restart).await?;
    }
    let Some(before) = agent.records.get(&deploy.key) else {
        return Err(super::interrupted());
    };
    let begun = Instant::now();
    let now = clock::now();
    agent.records.update(&deploy.key, |record| {
        record
            .retiring
            .retain(|retiring| retiring.running.container_id != id);
        retire_all(record, now);
        if let Some(old) = record.serving.take() {
            record.retiring.insert(0, retire(old, deploy, now));
        }
        record.serving = Some(successor.running.clone());
        record.restarts = 0;
        keep(record, deploy);
    })?;
    crash_point("recorded");
    if let Err(error) = agent.nat.change(before.address, route).await {
        // The kernel kept the old rules, so the record follows it.
        agent
            .records
            .update(&deploy.key, |record| *record = before.clone())?;
        return Err(error);
    }
    let switch_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    agent.watched.began(&deploy.key);
    Ok(Deployed {
        phase: Phase::Switched,
        container_id: id,
        switch_us,
        reused_warm,
        previous: before.serving.map(|running| running.deployment_id),
    })
}

/// A container that served until now. Its connections may last as long as it would stay warm.
fn retire(old: Running, deploy: &Deploy, now: Timestamp) -> Retiring {
    let warm_until = now.plus_ms(as_ms(deploy.spec.keep_warm_ms));
    Retiring {
        running: old,
        warm_until,
        drain_until: warm_until.max(now.plus_ms(as_ms(deploy.spec.drain_ms))),
        stopped: false,
        undone: false,
    }
}

/// Only the latest container that served stays warm: the others end when they are drained.
pub fn retire_all(record: &mut ServiceRecord, now: Timestamp) {
    for retiring in &mut record.retiring {
        retiring.warm_until = retiring.warm_until.min(now);
    }
}

fn keep(record: &mut ServiceRecord, deploy: &Deploy) {
    record
        .kept
        .retain(|kept| kept.deployment_id != deploy.deployment_id);
    record.kept.insert(
        0,
        Kept {
            deployment_id: deploy.deployment_id,
            image: deploy.image.clone(),
        },
    );
}

/// Milliseconds as the clock counts them.
pub fn as_ms(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// Where a container's connections go; nowhere without a port or an address.
pub fn route(address: Option<Ipv4Addr>, port: Option<u16>) -> Option<Route> {
    Some(Route {
        container: address?,
        port: port?,
    })
}

/// Where each service's connections must go, by what runs now.
pub async fn current_routes(agent: &Agent) -> Result<Routes> {
    let mut routes = Routes::new();
    for record in agent.records.all() {
        let Some(serving) = &record.serving else {
            continue;
        };
        let seen = agent
            .engine
            .see(&serving.container_id)
            .await?
            .unwrap_or_default();
        let address = seen.address.filter(|_| seen.running);
        if let Some(route) = route(address, serving.spec.port) {
            routes.insert(record.address, route);
        }
    }
    Ok(routes)
}

/// Brings routes and hosts files up to date with what runs: Docker gives a container that restarts
/// another address and writes its hosts file afresh.
pub async fn refresh(agent: &Agent) -> Result<()> {
    for record in agent.records.all() {
        refresh_service(agent, &record.key).await?;
        introduce(agent, &record.key).await?;
    }
    Ok(())
}

/// Brings the route of one service up to date.
pub async fn refresh_service(agent: &Agent, key: &ServiceKey) -> Result<()> {
    let Some(record) = agent.records.get(key) else {
        return Ok(());
    };
    let goes = match &record.serving {
        None => None,
        Some(serving) => {
            let seen = agent.engine.see(&serving.container_id).await?;
            let seen = seen.unwrap_or_default();
            route(seen.address.filter(|_| seen.running), serving.spec.port)
        }
    };
    // A switch may have happened while Docker was asked: its own change of the route is newer.
    let serves = |record: &ServiceRecord| Some(record.serving.as_ref()?.container_id.clone());
    let still = || {
        let now = agent.records.get(key);
        now.is_some_and(|now| serves(&now) == serves(&record))
    };
    agent.nat.change_while(record.address, goes, still).await
}

/// Tells the containers of a service the names of their neighbours that came after them.
pub async fn introduce(agent: &Agent, key: &ServiceKey) -> Result<()> {
    let neighbours: Vec<ServiceRecord> = agent
        .records
        .all()
        .into_iter()
        .filter(|other| other.key != *key && network_name(&other.key) == network_name(key))
        .collect();
    let Some(record) = agent.records.get(key) else {
        return Ok(());
    };
    let running = record
        .serving
        .iter()
        .chain(record.retiring.iter().map(|r| &r.running));
    for running in running {
        let seen = agent
            .engine
            .see(&running.container_id)
            .await?
            .unwrap_or_default();
        if let Some(path) = seen.hosts_path.filter(|_| seen.running) {
            add_hosts(&path, &neighbours)?;
        }
    }
    Ok(())
}

/// Appends to a container's hosts file. It is written in place: the container sees this very file,
/// not its name.
fn add_hosts(path: &Path, neighbours: &[ServiceRecord]) -> Result<()> {
    // The container may write there as it likes: neither strange bytes nor gigabytes of them are
    // our trouble.
    let mut present = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST_HOSTS + 1).read_to_end(&mut present))
        .map_err(AgentError::file("read", path))?;
    if present.len() as u64 > LARGEST_HOSTS {
        return Ok(());
    }
    let present = String::from_utf8_lossy(&present);
    let mut missing = String::new();
    for neighbour in neighbours {
        let line = format!("{}\t{}", neighbour.address, neighbour.key.service);
        if !present.lines().any(|have| have == line) {
            missing.push_str(&line);
            missing.push('\n');
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    fs::OpenOptions::new()
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(missing.as_bytes()))
        .map_err(AgentError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::name::Name;

    fn neighbour() -> ServiceRecord {
        let name = |text| Name::parse(text).unwrap();
        ServiceRecord {
            key: ServiceKey {
                project: name("shop"),
                environment: name("production"),
                service: name("db"),
            },
            address: Ipv4Addr::new(198, 18, 0, 3),
            serving: None,
            retiring: Vec::new(),
            site: None,
            kept: Vec::new(),
            restarts: 0,
        }
    }

    #[test]
    fn a_neighbour_is_introduced_once_whatever_the_container_wrote_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        fs::write(&path, b"127.0.0.1\tlocalhost\n\xff\xfe\n").unwrap();
        for _ in 0..2 {
            add_hosts(&path, &[neighbour()]).unwrap();
        }
        let text = fs::read(&path).unwrap();
        assert!(text.ends_with(b"\xff\xfe\n198.18.0.3\tdb\n"));
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 3);
    }

    #[test]
    fn a_hosts_file_that_a_container_blew_up_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        add_hosts(&path, &[neighbour()]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 40);
    }
}
