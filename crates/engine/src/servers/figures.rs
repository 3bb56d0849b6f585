//! How servers are from moment to moment: asked of their agents over the connection that is there.

use crate::{
    Engine, Result,
    error::EngineError,
    ports::{Body, PortError, PortResult, Unwatched},
    world::{World, ready},
};
use futures::{Stream, StreamExt, future::Either, stream};
use plimsoll_domain::{ServerId, Timestamp, job::Failure};
use plimsoll_protocol::{Hello, Machine, Processor, Request, ServiceStatus, Status};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, pin::pin, sync::Arc};

/// How long an agent may take before its server counts as away, ms.
const PATIENCE_MS: u64 = 10_000;

/// A server at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Which server.
    pub server_id: ServerId,
    /// When it was looked at.
    pub at: Timestamp,
    /// How it was.
    pub seen: Sighting,
}

/// How a server was at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Sighting {
    /// Its agent answered.
    Well {
        /// Facts about the machine.
        machine: Machine,
        /// How busy all its processors were since the last look, in hundredths of a percent;
        /// `None` at the first look.
        processor_bp: Option<u32>,
        /// Version of its agent.
        agent_version: String,
        /// Whether its agent is the one that we bring.
        agent_current: bool,
    },
    /// It could not be asked, or did not answer.
    Away {
        /// Why.
        failure: Failure,
    },
}

/// What runs on a server at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Every service that its agent keeps, with how much of one processor it used since the last
    /// look, in hundredths of a percent; `None` at the first look.
    pub services: Vec<(ServiceStatus, Option<u32>)>,
}

impl Engine {
    /// Looks at servers every so often for as long as the stream is read. One that does not answer
    /// says so and delays no other.
    pub fn watch_servers(
        &self,
        servers: Vec<ServerId>,
        every_ms: u64,
    ) -> impl Stream<Item = Figures> + Send + use<> {
        let each = servers.into_iter().map(|id| {
            let world = Arc::clone(&self.world);
            stream::unfold(
                (world, None, true),
                move |(world, before, first)| async move {
                    if !first {
                        world.ports.clock.sleep_ms(every_ms).await;
                    }
                    let asked = asked::<Hello>(&world, id, &Request::Hello).await;
                    let (seen, processor) = match asked {
                        Ok(hello) => {
                            let now = hello.machine.processor;
                            (well(&world, hello, before), now)
                        }
                        Err(error) => (Sighting::Away { failure: *error.0 }, None),
                    };
                    let figures = Figures {
                        server_id: id,
                        at: world.now(),
                        seen,
                    };
                    Some((figures, (world, processor, false)))
                },
            )
            .boxed()
        });
        stream::select_all(each)
    }

    /// Looks at what runs on a server every so often, for as long as the stream is read.
    pub fn watch_running(
        &self,
        server: ServerId,
        every_ms: u64,
    ) -> impl Stream<Item = Result<Running>> + Send + use<> {
        let world = Arc::clone(&self.world);
        let nothing = (HashMap::new(), Timestamp::from_millis(0));
        stream::unfold(
            (world, nothing, true),
            move |(world, before, first)| async move {
                if !first {
                    world.ports.clock.sleep_ms(every_ms).await;
                }
                let asked = asked::<Status>(&world, server, &Request::Status).await;
                let now = world.now();
                let (running, used) = match asked {
                    Ok(status) => {
                        let used = status
                            .services
                            .iter()
                            .filter_map(|one| Some((one.container.clone()?, one.processor_us?)))
                            .collect();
                        (Ok(running(status, &before, now)), used)
                    }
                    Err(error) => (Err(EngineError::from(error)), HashMap::new()),
                };
                Some((running, (world, (used, now), false)))
            },
        )
    }
}

fn well(world: &World, hello: Hello, before: Option<Processor>) -> Sighting {
    let processor_bp = before
        .zip(hello.machine.processor)
        .and_then(|(before, now)| share(before, now));
    Sighting::Well {
        processor_bp,
        agent_current: hello.binary_hash == world.settings.agent_hash,
        agent_version: hello.version,
        machine: hello.machine,
    }
}

/// How busy the processors were between two readings, in hundredths of a percent; `None` when they
/// were read within one tick, or the machine started again in between.
fn share(before: Processor, now: Processor) -> Option<u32> {
    let total = now.total_ms.checked_sub(before.total_ms)?;
    let busy = now.busy_ms.checked_sub(before.busy_ms)?;
    let bp = busy.checked_mul(10_000)?.checked_div(total)?;
    u32::try_from(bp.min(10_000)).ok()
}

type Used = (HashMap<String, u64>, Timestamp);

/// Puts what each container used since the last look beside it.
fn running(status: Status, (used, since): &Used, now: Timestamp) -> Running {
    let elapsed_us = u64::try_from(now.since_ms(*since)).unwrap_or(0) * 1_000;
    let share = |service: &ServiceStatus| {
        let before = used.get(service.container.as_ref()?)?;
        let spent = service.processor_us?.checked_sub(*before)?;
        let bp = spent.checked_mul(10_000)?.checked_div(elapsed_us)?;
        u32::try_from(bp).ok()
    };
    Running {
        services: status
            .services
            .into_iter()
            .map(|service| {
                let share = share(&service);
                (service, share)
            })
            .collect(),
    }
}

async fn asked<T: DeserializeOwned>(
    world: &World,
    id: ServerId,
    request: &Request,
) -> PortResult<T> {
    let (server, target) = world.target(id).await?;
    ready(&server)?;
    let answer = pin!(world.ask(&target, request, Body::Empty, Arc::new(Unwatched)));
    let patience = pin!(world.ports.clock.sleep_ms(PATIENCE_MS));
    match futures::future::select(answer, patience).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(PortError::new(
            "server_silent",
            format!(
                "The server “{}” has not answered for {} s.",
                server.name,
                PATIENCE_MS / 1_000
            ),
        )
        .next_step("Look whether it is switched on, and at this machine's network connection.")
        .retryable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processor(busy_ms: u64, total_ms: u64) -> Processor {
        Processor { busy_ms, total_ms }
    }

    #[test]
    fn two_readings_make_a_share() {
        assert_eq!(
            share(processor(100, 1_000), processor(350, 2_000)),
            Some(2_500)
        );
        assert_eq!(share(processor(100, 1_000), processor(100, 1_000)), None);
    }

    #[test]
    fn a_reboot_in_between_makes_no_share() {
        assert_eq!(share(processor(100, 1_000), processor(5, 20)), None);
    }
}
