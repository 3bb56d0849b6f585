//! Proving that a container is well, while its lines go to the log of the step.

use super::{RunDraft, act::cancelled};
use crate::{
    jobs::StepContext,
    ports::{PortError, PortResult, Progress, RunContainer},
    world::World,
};
use plimsoll_domain::{
    server::Endpoint,
    service::{HealthCheck, Probe, answers_well},
};
use plimsoll_protocol::LogStream;
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// Lines that a failure shows.
const SHOWN: u32 = 20;
/// Lines of a container that are there before anybody listens.
const MISSED: u32 = 1_000;

/// Waits until a service answers its health check.
pub(super) async fn is_well(
    world: &World,
    context: &StepContext,
    draft: &RunDraft,
    container: &RunContainer,
) -> PortResult<()> {
    let health = &draft.spec.health;
    let proving = async {
        let begun = world.now();
        let limit = match health.probe {
            Probe::Running => health.start_ms.min(health.interval_ms.saturating_mul(2)),
            Probe::Http { .. } | Probe::Tcp | Probe::Command { .. } => health.start_ms,
        };
        let mut good = 0;
        loop {
            let answer = ask(world, health, container).await?;
            good = if answer.is_ok() { good + 1 } else { 0 };
            if good >= health.successes && health.probe != Probe::Running {
                return Ok(());
            }
            still_runs(world, container).await?;
            if world.waited(begun) >= limit {
                let Err(last) = answer else { return Ok(()) };
                return Err(PortError::new(
                    "run_unhealthy",
                    format!("“{}” was not well within {limit} ms.", draft.service),
                )
                .evidence(last)
                .next_step(
                    "Its last lines show why. Does it listen on 0.0.0.0 and on the port of its \
                     settings, and does its health check fit?",
                ));
            }
            world.ports.clock.sleep_ms(health.interval_ms).await;
        }
    };
    listened(world, context, container, LogStream::Stdout, proving).await
}

/// Waits until a command in a container exits with 0.
pub(super) async fn answers(
    world: &World,
    context: &StepContext,
    container: &RunContainer,
    argv: &[String],
    patience_ms: u64,
) -> PortResult<()> {
    let home = world.store.device();
    let asking = async {
        let begun = world.now();
        loop {
            let asked = world.ports.local_runs.ask(home, &container.id, argv, 5_000);
            let answer = asked.await?;
            if answer.status == Some(0) {
                return Ok(());
            }
            still_runs(world, container).await?;
            if world.waited(begun) >= patience_ms {
                return Err(PortError::new(
                    "run_unhealthy",
                    format!("it did not answer within {} s", patience_ms / 1_000),
                )
                .evidence(answer.said)
                .next_step("Its last lines show why."));
            }
            world.ports.clock.sleep_ms(250).await;
        }
    };
    listened(world, context, container, LogStream::Stdout, asking).await
}

/// Waits for the end of a container that has to exit with 0.
pub(super) async fn ends_well(
    world: &World,
    context: &StepContext,
    container: &RunContainer,
) -> PortResult<()> {
    let (runs, home) = (&world.ports.local_runs, world.store.device());
    let waiting = async {
        loop {
            match runs.see(home, &container.id).await? {
                Some(seen) if seen.running => world.ports.clock.sleep_ms(100).await,
                Some(seen) if seen.exit_code == Some(0) => return Ok(()),
                seen => {
                    return Err(PortError::new(
                        "release_command_failed",
                        format!("The release command {}.", ended(seen.as_ref())),
                    )
                    .next_step("Its last lines show why. What ran before still runs."));
                }
            }
        }
    };
    listened(world, context, container, LogStream::Release, waiting).await
}

/// Does something while a container's lines go to the step's log; a failure shows the last ones.
async fn listened(
    world: &World,
    context: &StepContext,
    container: &RunContainer,
    stream: LogStream,
    work: impl Future<Output = PortResult<()>>,
) -> PortResult<()> {
    let (runs, home) = (&world.ports.local_runs, world.store.device());
    let heard: Arc<dyn Progress> = Arc::new(As {
        stream,
        to: context.progress.clone(),
    });
    let listening = async {
        // Lines that cannot be had are no reason to stop; that the container is gone is told
        // elsewhere.
        let _ = runs.follow(home, &container.id, MISSED, true, heard).await;
        std::future::pending::<()>().await;
    };
    let done = tokio::select! {
        done = work => done,
        () = listening => Ok(()),
        () = context.cancel.cancelled() => Err(cancelled()),
    };
    let Err(mut error) = done else { return Ok(()) };
    if error.code() != "cancelled" {
        error.0.evidence.extend(last_lines(world, container).await);
    }
    Err(error)
}

/// The last lines of a container, without secrets.
async fn last_lines(world: &World, container: &RunContainer) -> Vec<String> {
    let kept = Arc::new(Kept::default());
    let (runs, home) = (&world.ports.local_runs, world.store.device());
    let asked = runs.follow(home, &container.id, SHOWN, false, kept.clone());
    if let Err(error) = asked.await {
        tracing::debug!("a container's last lines could not be read: {error}");
    }
    let lines = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    lines
        .iter()
        .map(|line| world.redactor.text(line).into_owned())
        .collect()
}

async fn still_runs(world: &World, container: &RunContainer) -> PortResult<()> {
    let home = world.store.device();
    match world.ports.local_runs.see(home, &container.id).await? {
        Some(seen) if seen.running => Ok(()),
        seen => Err(PortError::new(
            "run_ended",
            format!("Its container {}.", ended(seen.as_ref())),
        )
        .next_step("Its last lines show why.")),
    }
}

/// How a container ended, in words that follow its name.
fn ended(seen: Option<&RunContainer>) -> String {
    match seen {
        None => "was removed by somebody else".to_owned(),
        Some(seen) if seen.oom_killed => "was ended because it needed too much memory".to_owned(),
        Some(seen) => match seen.exit_code {
            Some(code) => format!("ended with status {code}"),
            None => "did not start".to_owned(),
        },
    }
}

/// Asks once; an error of the second kind says what was answered instead.
async fn ask(
    world: &World,
    health: &HealthCheck,
    container: &RunContainer,
) -> PortResult<Result<(), String>> {
    let runs = &world.ports.local_runs;
    let patience = Duration::from_millis(health.timeout_ms);
    let nobody = || Ok(Err("the container has no port on this machine".to_owned()));
    match &health.probe {
        Probe::Running => Ok(Ok(())),
        Probe::Command { argv } => {
            let home = world.store.device();
            let asked = runs.ask(home, &container.id, argv, health.timeout_ms);
            let answer = asked.await?;
            Ok(match answer.status {
                Some(0) => Ok(()),
                Some(status) => Err(format!("{argv:?} → status {status}: {}", answer.said)),
                None => Err(format!("{argv:?} → no end within {patience:?}")),
            })
        }
        Probe::Tcp => {
            let Some(port) = container.host_port else {
                return nobody();
            };
            Ok(match runs.accepts(port).await {
                true => Ok(()),
                false => Err("nobody accepts connections".to_owned()),
            })
        }
        Probe::Http { path, statuses } => {
            let Some(port) = container.host_port else {
                return nobody();
            };
            let url = format!("http://127.0.0.1:{port}{path}");
            let here = Endpoint::default();
            let asked = world.ports.outside.get(&here, &url);
            Ok(match timeout(patience, asked).await {
                Err(_) => Err(format!("GET {path} → no answer within {patience:?}")),
                Ok(Err(error)) => Err(format!("GET {path} → {}", error.0.message)),
                Ok(Ok(seen)) if answers_well(seen.status, statuses) => Ok(()),
                Ok(Ok(seen)) => Err(format!("GET {path} → {}", seen.status)),
            })
        }
    }
}

/// Lines under another name.
struct As {
    stream: LogStream,
    to: Arc<dyn Progress>,
}

impl Progress for As {
    fn line(&self, stream: LogStream, line: &str) {
        let stream = match stream {
            LogStream::Stdout => self.stream,
            other => other,
        };
        self.to.line(stream, line);
    }
    fn bytes(&self, done: u64, total: Option<u64>) {
        self.to.bytes(done, total);
    }
}

/// Lines that are kept.
#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl Progress for Kept {
    fn line(&self, _: LogStream, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.to_owned());
    }
    fn bytes(&self, _: u64, _: Option<u64>) {}
}
