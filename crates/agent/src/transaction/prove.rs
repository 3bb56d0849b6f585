//! The proof that a new container is well, before anybody depends on it.

use super::run::Run;
use crate::{
    agent::Agent,
    docker::Seen,
    error::{AgentError, Result},
    probe::{self, Answer, Target},
    secrets::{self, Values},
    sockets,
};
use plimsoll_domain::service::Probe;
use std::time::{Duration, Instant};

/// The first pauses between questions are shorter than asked for: most services are up at once.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause while nobody listens yet.
const LONGEST_WAIT_FOR_ANYBODY: Duration = Duration::from_millis(100);

/// Whom to ask about a container of a service.
pub fn target(agent: &Agent, run: &Run, id: &str, seen: &Seen) -> Option<Target> {
    let record = agent.records.get(&run.deploy.key);
    let host = record
        .and_then(|record| record.site)
        .and_then(|site| site.hosts.first().cloned());
    Some(Target {
        container_id: id.to_owned(),
        address: seen.address?,
        port: run.deploy.spec.port,
        host: host.unwrap_or_else(|| "localhost".to_owned()),
        has_secrets: !run.deploy.secret_names.is_empty(),
    })
}

/// Asks until the container gave as many good answers in a row as wanted, or until its time is up.
pub async fn prove(agent: &Agent, run: &Run, id: &str, values: &Values) -> Result<()> {
    let health = &run.deploy.spec.health;
    let interval = Duration::from_millis(health.interval_ms.max(10));
    let patience = Duration::from_millis(health.timeout_ms.max(1));
    let deadline = Duration::from_millis(health.start_ms);
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE.min(interval);
    let mut good = 0;
    let mut last = Answer::Nobody("it was not asked yet".to_owned());
    let enough_running = deadline.min(interval * 2);
    loop {
        let Some(seen) = agent.engine.see(id).await? else {
            return Err(lost(agent, run, id, values, "the container is gone").await);
        };
        if !seen.running {
            return Err(ended(agent, run, id, values, &seen).await);
        }
        if health.probe == Probe::Running {
            if begun.elapsed() >= enough_running {
                return Ok(());
            }
        } else if let Some(target) = target(agent, run, id, &seen) {
            let answer = probe::ask(&agent.engine, &target, &health.probe, patience).await;
            match answer {
                Answer::Good => {
                    good += 1;
                    pause = interval;
                    if good >= health.successes.max(1) {
                        return Ok(());
                    }
                }
                Answer::Bad(_) | Answer::Elsewhere(_) => {
                    good = 0;
                    last = answer;
                    pause = interval;
                }
                // To ask again whether anybody listens costs nothing.
                Answer::Nobody(_) => {
                    good = 0;
                    last = answer;
                    pause = (pause * 2).min(interval).min(LONGEST_WAIT_FOR_ANYBODY);
                }
            }
        }
        if begun.elapsed() >= deadline {
            return Err(unhealthy(agent, run, id, values, &seen, &last).await);
        }
        tokio::time::sleep(pause).await;
    }
}

async fn evidence(agent: &Agent, id: &str, values: &Values) -> Vec<String> {
    let lines = agent.engine.last_lines(id, 20).await;
    lines
        .iter()
        .map(|line| secrets::redact(line, values))
        .collect()
}

async fn lost(agent: &Agent, run: &Run, id: &str, values: &Values, what: &str) -> AgentError {
    AgentError::refused(
        "unhealthy",
        format!(
            "the new container of “{}” did not become healthy: {what}",
            run.deploy.key.service
        ),
        "Deploy again. What served before still serves.",
    )
    .with_evidence(evidence(agent, id, values).await)
}

async fn ended(agent: &Agent, run: &Run, id: &str, values: &Values, seen: &Seen) -> AgentError {
    let service = &run.deploy.key.service;
    let lines = evidence(agent, id, values).await;
    let failure = if seen.oom_killed {
        AgentError::refused(
            "out_of_memory",
            match run.deploy.spec.limits.memory_bytes {
                Some(limit) => format!(
                    "the new container of “{service}” needed more than its limit of {} MiB of memory",
                    limit >> 20
                ),
                None => format!("the new container of “{service}” ran out of the server's memory"),
            },
            "Raise its memory limit, or take a larger server. What served before still serves.",
        )
    } else {
        AgentError::refused(
            "exited",
            format!(
                "the new container of “{service}” ended with exit status {} instead of serving",
                seen.exit_code
            ),
            "Its last lines above say why. Repair it and deploy again. What served before still \
             serves.",
        )
    };
    failure.with_evidence(lines)
}

async fn unhealthy(
    agent: &Agent,
    run: &Run,
    id: &str,
    values: &Values,
    seen: &Seen,
    last: &Answer,
) -> AgentError {
    let spec = &run.deploy.spec;
    let elsewhere = spec
        .port
        .and_then(|port| sockets::listens_elsewhere(&sockets::of_process(seen.pid), port));
    let answered = secrets::redact(last.shown(), values);
    let mut lines = vec![answered.clone()];
    let next_step = match (&elsewhere, last) {
        (Some(_), _) => {
            "Set the service's port to the one it listens on, or let it listen on 0.0.0.0 and the \
             port in the variable PORT. What served before still serves."
        }
        (None, Answer::Elsewhere(_)) => {
            "Set the health check to the path that it leads to, or let it take this status for an \
             answer that is well. What served before still serves."
        }
        (None, _) => {
            "Repair what the failing answer and the log lines above show, and deploy again. What \
             served before still serves."
        }
    };
    let mut message = format!(
        "the new container of “{}” did not become healthy within {} s: {}",
        run.deploy.key.service,
        spec.health.start_ms / 1000,
        answered
    );
    if let Some(elsewhere) = elsewhere {
        message = format!("{message}; {elsewhere}");
        lines.push(elsewhere);
    }
    lines.extend(evidence(agent, id, values).await);
    AgentError::refused("unhealthy", message, next_step).with_evidence(lines)
}
