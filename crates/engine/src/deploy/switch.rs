//! The deployment transaction as the desktop sees it: ask, and after a cut read the journal.

use super::{Draft, ask, cancelled, deployment, image};
use crate::{
    jobs::StepContext,
    ports::{Body, PortError, PortResult, Unwatched},
    world::World,
};
use plimsoll_domain::{DeploymentId, ServerId, image::ImageRef, server::SshTarget};
use plimsoll_protocol::{
    Deploy, Deployed, Journal, LogStream, OfDeployment, Phase, Request, Reverted,
};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How many cuts one step bears.
const MOST_CUTS: u32 = 5;

/// How often a held deployment gets a sign of life, ms.
const HEARTBEAT_MS: u64 = 5_000;

/// Held deployments that get signs of life from this process.
#[derive(Default)]
pub(crate) struct Held(Mutex<HashMap<(DeploymentId, ServerId), DropGuard>>);

impl Held {
    fn keep(&self, world: &World, id: DeploymentId, server: ServerId, target: SshTarget) {
        let stop = CancellationToken::new();
        let (clock, agents) = (world.ports.clock.clone(), world.ports.agents.clone());
        let stopped = stop.clone();
        tokio::spawn(async move {
            let request = Request::Heartbeat(OfDeployment { deployment_id: id });
            loop {
                tokio::select! {
                    () = clock.sleep_ms(HEARTBEAT_MS) => {}
                    () = stopped.cancelled() => return,
                }
                // A missed one is no harm: the lock outlives several.
                let _ = agents
                    .ask(&target, &request, Body::Empty, Arc::new(Unwatched))
                    .await;
            }
        });
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((id, server), stop.drop_guard());
    }

    fn leave(&self, id: DeploymentId, server: ServerId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(id, server));
    }
}

/// What is started.
pub(super) struct Start<'a> {
    pub draft: &'a Draft,
    pub image: ImageRef,
    pub hold: bool,
    pub release_command: bool,
}

pub(super) async fn start(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    start: Start<'_>,
) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    let id = deployment(world, context).await?.id;
    let place = &start.draft.place;
    let open = world
        .open_variables(
            place.environment_id,
            place.service_id,
            &start.draft.variables,
        )
        .await?;
    let request = Request::Deploy(Box::new(Deploy {
        key: place.key.clone(),
        deployment_id: id,
        image: start.image.clone(),
        spec: start.draft.spec.clone(),
        variables: open.plain,
        secret_names: open.secret_names,
        hold: start.hold,
        run_release_command: start.release_command,
        keep_releases: world.settings.keep_releases,
    }));
    let body = || match &open.secrets {
        Some(secrets) => Body::Secret(secrets.clone()),
        None => Body::Empty,
    };
    let mut brought = false;
    let mut cuts = 0;
    let deployed = loop {
        match ask::<Deployed>(world, context, &target, request.clone(), body()).await {
            Ok(deployed) => break deployed,
            Err(error) if error.code() == "image_missing" && !brought => {
                // The agent remembers the refusal; taken back, it may be asked again.
                let _: Reverted = ask(
                    world,
                    context,
                    &target,
                    of(id, Request::Revert),
                    Body::Empty,
                )
                .await?;
                image::bring(world, context, server_id, place, &start.image).await?;
                brought = true;
            }
            Err(error) if is_cut(&error) && cuts < MOST_CUTS => {
                cuts += 1;
                match adopt(world, context, &target, id, start.hold).await? {
                    Some(deployed) => break deployed,
                    // The server never heard of it, or took it back: it is asked again.
                    None => continue,
                }
            }
            Err(error) => return Err(error),
        }
    };
    if start.hold && deployed.phase < Phase::Switched {
        world.held.keep(world, id, server_id, target);
    }
    answer(&deployed)
}

pub(super) async fn commit(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    let id = deployment(world, context).await?.id;
    let mut cuts = 0;
    let deployed = loop {
        match ask::<Deployed>(
            world,
            context,
            &target,
            of(id, Request::Commit),
            Body::Empty,
        )
        .await
        {
            Ok(deployed) => break deployed,
            Err(error) if is_cut(&error) && cuts < MOST_CUTS => {
                cuts += 1;
                if let Some(deployed) = adopt(world, context, &target, id, false).await? {
                    break deployed;
                }
            }
            Err(error) => return Err(error),
        }
    };
    world.held.leave(id, server_id);
    answer(&deployed)
}

pub(super) async fn revert(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
) -> PortResult<()> {
    let (_, target) = world.target(server_id).await?;
    let id = deployment(world, context).await?.id;
    world.held.leave(id, server_id);
    // Not through `ask`: a wish to stop is why we are here.
    let _: Reverted = world
        .ask(
            &target,
            &of(id, Request::Revert),
            Body::Empty,
            context.progress.clone(),
        )
        .await?;
    Ok(())
}

/// Whether a step that was begun before has been finished by the server alone.
pub(super) async fn journalled(
    world: &World,
    context: &StepContext,
    server_id: ServerId,
    hold: bool,
) -> PortResult<Option<Value>> {
    let (_, target) = world.target(server_id).await?;
    let id = deployment(world, context).await?.id;
    let journal: Journal = ask(
        world,
        context,
        &target,
        of(id, Request::Journal),
        Body::Empty,
    )
    .await?;
    match finished(&journal, hold) {
        Some(deployed) => {
            if hold && deployed.phase < Phase::Switched {
                world.held.keep(world, id, server_id, target);
            }
            answer(&deployed).map(Some)
        }
        None => Ok(None),
    }
}

/// The answer that a journal has for what was asked; one that was taken back since has none.
fn finished(journal: &Journal, hold: bool) -> Option<Deployed> {
    let wanted = if hold {
        Phase::Healthy
    } else {
        Phase::Switched
    };
    let taken_back = journal
        .phases
        .last()
        .is_some_and(|(phase, _)| *phase == Phase::Reverted);
    journal
        .answer
        .clone()
        .filter(|answer| answer.phase >= wanted && !taken_back)
}

/// After a cut: the server goes on alone, so its journal says how it ended. `None` when it never
/// heard of the deployment.
async fn adopt(
    world: &World,
    context: &StepContext,
    target: &SshTarget,
    id: DeploymentId,
    hold: bool,
) -> PortResult<Option<Deployed>> {
    let away_ms = world.settings.patience.away_ms;
    let say = |line: &str| context.progress.line(LogStream::Agent, line);
    say(&format!(
        "{} does not answer any more; it goes on alone, and is asked again for up to {} s",
        target.host,
        away_ms / 1_000
    ));
    let mut heard = world.now();
    let mut is_back = false;
    loop {
        tokio::select! {
            () = world.ports.clock.sleep_ms(1_000) => {}
            () = context.cancel.cancelled() => return Err(cancelled()),
        }
        let asked: PortResult<Journal> = ask(
            world,
            context,
            target,
            of(id, Request::Journal),
            Body::Empty,
        )
        .await;
        match asked {
            Ok(journal) => {
                heard = world.now();
                if !std::mem::replace(&mut is_back, true) {
                    say(&format!("{} answers again", target.host));
                }
                if let Some(answer) = finished(&journal, hold) {
                    return Ok(Some(answer));
                }
                if journal.running {
                    continue;
                }
                return match journal.failure {
                    Some(failure) if !failure.retryable => Err(failure.into()),
                    _ => Ok(None),
                };
            }
            Err(error) if is_cut(&error) => {
                is_back = false;
                if world.waited(heard) > away_ms {
                    return Err(error.next_step(
                        "The server finishes or takes back by itself what it has begun. When it \
                         answers again, retry the job to adopt how it ended, or undo it.",
                    ));
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the connection failed and not what was asked: then the server may know more than we.
fn is_cut(error: &PortError) -> bool {
    matches!(
        error.code(),
        "ssh_cut"
            | "ssh_tcp"
            | "ssh_banner"
            | "ssh_dns"
            | "ssh_timeout"
            | "agent_timeout"
            | "agent_absent"
    )
}

fn of(id: DeploymentId, request: impl FnOnce(OfDeployment) -> Request) -> Request {
    request(OfDeployment { deployment_id: id })
}

fn answer(deployed: &Deployed) -> PortResult<Value> {
    serde_json::to_value(deployed).map_err(|error| PortError::new("internal", error.to_string()))
}
