//! What of the engine is ours.

use super::{super::LocalEngine, labels, not_ours};
use crate::docker::{check_reference, engine::failure, is_absence};
use bollard::{models::ContainerInspectResponse, query_parameters as query};
use plimsoll_domain::run::{LABEL, RunMark};
use plimsoll_engine::ports::{LocalRuns, PortResult, RunContainer, RunThing, RunThings};
use std::collections::{BTreeMap, HashMap};

/// Everything that carries the label of an installation, and whose mark can be read.
pub(super) async fn all(engine: &LocalEngine, home: &str) -> PortResult<RunThings> {
    let (_, client) = engine.found().await?;
    let filters = HashMap::from([("label", vec![format!("{LABEL}={home}")])]);
    let filters: HashMap<String, Vec<String>> = filters
        .into_iter()
        .map(|(name, values)| (name.to_owned(), values))
        .collect();
    let options = query::ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let listed = client.list_containers(Some(options)).await;
    let mut things = RunThings::default();
    for one in listed.map_err(|error| failure("list containers", error))? {
        let is_ours = RunMark::read(&labels(one.labels)).is_some_and(|mark| mark.home == home);
        // One that goes at this moment is as good as gone.
        if let (true, Some(id)) = (is_ours, one.id)
            && let Some(seen) = engine.see(home, &id).await?
        {
            things.containers.push(seen);
        }
    }
    let options = query::ListNetworksOptionsBuilder::default()
        .filters(&filters)
        .build();
    let listed = client.list_networks(Some(options)).await;
    for one in listed.map_err(|error| failure("list networks", error))? {
        things.networks.extend(thing(one.name, one.labels, home));
    }
    let options = query::ListVolumesOptionsBuilder::default()
        .filters(&filters)
        .build();
    let listed = client.list_volumes(Some(options)).await;
    let listed = listed.map_err(|error| failure("list volumes", error))?;
    for one in listed.volumes.unwrap_or_default() {
        things
            .volumes
            .extend(thing(Some(one.name), Some(one.labels), home));
    }
    Ok(things)
}

fn thing(
    name: Option<String>,
    of: Option<HashMap<String, String>>,
    home: &str,
) -> Option<RunThing> {
    let mark = RunMark::read(&labels(of)).filter(|mark| mark.home == home)?;
    Some(RunThing { name: name?, mark })
}

/// Reads a container; `None` when it is not one of a run.
pub(super) fn container(facts: ContainerInspectResponse) -> Option<RunContainer> {
    let mark = RunMark::read(&labels(facts.config.and_then(|config| config.labels)))?;
    let state = facts.state.unwrap_or_default();
    let running = state.running.unwrap_or(false);
    let started_at = state.started_at.unwrap_or_default();
    let was_started = !started_at.starts_with("0001");
    let host_port = facts
        .network_settings
        .and_then(|settings| settings.ports)
        .into_iter()
        .flatten()
        .filter_map(|(_, bindings)| bindings)
        .flatten()
        .find_map(|binding| binding.host_port?.parse().ok());
    Some(RunContainer {
        id: facts.id?,
        name: facts.name?.trim_start_matches('/').to_owned(),
        mark,
        image_id: facts.image.unwrap_or_default(),
        running,
        oom_killed: state.oom_killed.unwrap_or(false),
        exit_code: state.exit_code.filter(|_| !running && was_started),
        started_at: if was_started {
            started_at
        } else {
            String::new()
        },
        host_port,
    })
}

/// The labels of a network; `None` when there is none of that name.
pub(super) async fn network(
    engine: &LocalEngine,
    name: &str,
) -> PortResult<Option<BTreeMap<String, String>>> {
    check_reference(name)?;
    let (_, client) = engine.found().await?;
    match client
        .inspect_network(name, None::<query::InspectNetworkOptions>)
        .await
    {
        Ok(facts) => Ok(Some(labels(facts.labels))),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(failure("describe a network", error)),
    }
}

/// The labels of a volume; `None` when there is none of that name.
pub(super) async fn volume(
    engine: &LocalEngine,
    name: &str,
) -> PortResult<Option<BTreeMap<String, String>>> {
    check_reference(name)?;
    let (_, client) = engine.found().await?;
    match client.inspect_volume(name).await {
        Ok(facts) => Ok(Some(labels(Some(facts.labels)))),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(failure("describe a volume", error)),
    }
}

/// Refuses what does not carry the label of this installation.
pub(super) fn ours(
    noun: &str,
    name: &str,
    labels: &BTreeMap<String, String>,
    home: &str,
) -> PortResult<()> {
    match labels.get(LABEL) {
        Some(theirs) if theirs == home => Ok(()),
        _ => Err(not_ours(noun, name)),
    }
}
