//! The way forward of a transaction, and the way back until its switch.

use super::{
    container::{self, Purpose},
    prove,
    run::{Command, Run},
    switch,
};
use crate::{
    agent::Agent,
    clock, docker,
    error::{AgentError, Result},
    health::Claim,
    journal::{Entry, Journal},
    record::Running,
    secrets::{self, Values},
};
use bollard::query_parameters::LogsOptionsBuilder;
use futures::StreamExt;
use plimsoll_domain::job::Failure;
use plimsoll_protocol::{Deploy, Deployed, Lines, LogStream, Phase, Reply};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Longest release command: a job's soft limit.
const RELEASE_LIMIT: Duration = Duration::from_millis(plimsoll_domain::job::SOFT_LIMIT_MS);

/// One transaction's work.
pub struct Work {
    agent: Arc<Agent>,
    run: Arc<Run>,
    journal: Journal,
    values: Values,
}

/// A container that proved healthy and does not serve yet.
pub struct Successor {
    /// What the record will say.
    pub running: Running,
    /// It was warm and is taken again.
    pub reused: Option<Claim>,
}

impl Work {
    /// Work with everything it needs.
    pub fn new(agent: Arc<Agent>, run: Arc<Run>, journal: Journal, values: Values) -> Self {
        Self {
            agent,
            run,
            journal,
            values,
        }
    }

    fn deploy(&self) -> &Deploy {
        &self.run.deploy
    }

    /// Does all of it and answers the run's listeners.
    pub async fn run(mut self, commands: mpsc::Receiver<Command>) {
        let run = Arc::clone(&self.run);
        let outcome = match self.forward(commands).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.give_up(error.failure()).await),
        };
        let done = outcome.is_ok();
        run.end(outcome);
        if done {
            let (agent, deploy) = (Arc::clone(&self.agent), self.deploy().clone());
            tokio::spawn(async move { super::afterwards(&agent, &deploy).await });
        }
    }

    async fn forward(&mut self, mut commands: mpsc::Receiver<Command>) -> Result<Deployed> {
        let run = Arc::clone(&self.run);
        let successor = tokio::select! {
            successor = self.prepare() => successor?,
            () = run.cancellation() => return Err(cancelled()),
        };
        if self.deploy().hold {
            self.hold(&successor, &mut commands).await?;
        }
        let answer = switch::switch(&self.agent, self.deploy(), successor).await?;
        let noted = self.journal.append_all(&[
            Entry::Phase {
                at: clock::now(),
                phase: Phase::Switched,
            },
            Entry::Ended {
                answer: answer.clone(),
            },
        ]);
        if let Err(error) = noted {
            // It serves, and the record says so: to call that a failure would be a lie.
            tracing::error!(%error, "the switch could not be noted in its journal");
        }
        self.run.say(Reply::Phase {
            phase: Phase::Switched,
        });
        crash_point("switched");
        Ok(answer)
    }

    /// Notes a phase in the journal and says so.
    fn reach(&mut self, phase: Phase) -> Result<()> {
        self.journal.phase(phase)?;
        self.run.heartbeat(clock::now());
        self.run.say(Reply::Phase { phase });
        crash_point(&format!("{phase:?}").to_lowercase());
        Ok(())
    }

    async fn prepare(&mut self) -> Result<Successor> {
        self.run.say(Reply::Phase {
            phase: Phase::Locked,
        });
        crash_point("locked");
        let deploy = self.deploy().clone();
        let fingerprint = self.fingerprint()?;
        if deploy.run_release_command && !deploy.spec.release_command.is_empty() {
            self.reach(Phase::ReleaseCommand)?;
            self.seal()?;
            self.release_command().await?;
        }
        if let Some(warm) = switch::find_warm(&self.agent, &deploy, &fingerprint).await? {
            self.reach(Phase::Healthy)?;
            return Ok(warm);
        }
        self.reach(Phase::Started)?;
        self.seal()?;
        let id = container::make(&self.agent, &deploy, &self.values, Purpose::Serve).await?;
        crash_point("made");
        self.agent.engine.start(&id).await?;
        prove::prove(&self.agent, &self.run, &id, &self.values).await?;
        self.reach(Phase::Healthy)?;
        Ok(Successor {
            running: Running {
                deployment_id: deploy.deployment_id,
                started_for: deploy.deployment_id,
                container_id: id,
                image: deploy.image.clone(),
                spec: deploy.spec.clone(),
                fingerprint,
                since: clock::now(),
                secret_names: deploy.secret_names.clone(),
            },
            reused: None,
        })
    }

    fn seal(&self) -> Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        self.agent
            .secrets
            .seal(self.deploy().deployment_id, &self.values)
    }

    /// Equal for deployments that would start the same container.
    fn fingerprint(&self) -> Result<String> {
        let deploy = self.deploy();
        let mut spec = deploy.spec.clone();
        // What only matters around the container does not make it another one.
        spec.release_command.clear();
        spec.build = Default::default();
        let plain =
            serde_json::to_vec(&(&deploy.key, deploy.image.digest(), &spec, &deploy.variables));
        let mut bytes = zeroize::Zeroizing::new(plain.unwrap_or_default());
        bytes.push(b'\n');
        bytes.extend(secrets::encode(&self.values).iter());
        self.agent.secrets.fingerprint(&bytes)
    }

    async fn release_command(&mut self) -> Result<()> {
        let deploy = self.deploy().clone();
        let agent = Arc::clone(&self.agent);
        let id = container::make(&agent, &deploy, &self.values, Purpose::Release).await?;
        let ended = tokio::time::timeout(RELEASE_LIMIT, self.watch_release(&id)).await;
        let seen = agent.engine.see(&id).await?.unwrap_or_default();
        let last = agent.engine.last_lines(&id, 20).await;
        agent.engine.remove(&id).await?;
        let why = match ended {
            Ok(done) => {
                done?;
                if seen.exit_code == 0 {
                    return Ok(());
                }
                format!("ended with exit status {}", seen.exit_code)
            }
            Err(_) => "did not end within 55 minutes".to_owned(),
        };
        Err(AgentError::refused(
            "release_command_failed",
            format!(
                "the release command {:?} {why}",
                deploy.spec.release_command
            ),
            "Read its last lines above, repair it, and deploy again. What served before still \
             serves.",
        )
        .with_evidence(last.iter().map(|line| secrets::redact(line, &self.values))))
    }

    /// Starts the one-off container and passes its lines on until it ends.
    async fn watch_release(&self, id: &str) -> Result<()> {
        self.agent.engine.start(id).await?;
        let options = LogsOptionsBuilder::default()
            .follow(true)
            .stdout(true)
            .stderr(true)
            .build();
        let mut lines = Lines::default();
        let mut stream = std::pin::pin!(self.agent.engine.client()?.logs(id, Some(options)));
        while let Some(output) = stream.next().await {
            let output = output.map_err(AgentError::docker("follow the release command"))?;
            lines.take(docker::message(&output), |line| self.say_line(line));
        }
        lines.end(|line| self.say_line(line));
        // The log ends a moment before Docker has noted the exit status.
        while self
            .agent
            .engine
            .see(id)
            .await?
            .is_some_and(|seen| seen.running)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn say_line(&self, line: &str) {
        self.run.say(Reply::Log {
            stream: LogStream::Release,
            line: crate::wire::shorten(&secrets::redact(line, &self.values)).to_owned(),
            at_ms: Some(clock::now().as_millis()),
        });
    }

    /// Waits for the second phase. Without a sign of life from the desktop it goes back alone.
    async fn hold(
        &mut self,
        successor: &Successor,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<()> {
        let answer = Deployed {
            phase: Phase::Healthy,
            container_id: successor.running.container_id.clone(),
            switch_us: 0,
            reused_warm: successor.reused.is_some(),
            previous: self
                .agent
                .records
                .get(&self.deploy().key)
                .and_then(|record| record.serving)
                .map(|running| running.deployment_id),
        };
        self.journal.append(&Entry::Held {
            answer: answer.clone(),
        })?;
        self.run.answer(Ok(answer));
        let patience = Duration::from_millis(self.agent.settings.hold_ms);
        let mut alive = Instant::now();
        loop {
            let left = patience.saturating_sub(alive.elapsed());
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Commit) => return Ok(()),
                    Some(Command::Heartbeat) => alive = Instant::now(),
                    None => return Err(cancelled()),
                },
                () = self.run.cancellation() => return Err(cancelled()),
                () = tokio::time::sleep(left) => return Err(AgentError::refused(
                    "hold_expired",
                    format!(
                        "the desktop was not heard of for {} s, so the held deployment was taken back",
                        patience.as_secs()
                    ),
                    "Look at the desktop's connection, then deploy again.",
                )
                .that_may_pass()),
            }
        }
    }

    /// Takes back everything since the beginning, and notes the failure.
    async fn give_up(&mut self, mut failure: Failure) -> Failure {
        if let Err(error) = discard(&self.agent, self.deploy()).await {
            failure.evidence.push(format!("clean-up: {error}"));
        }
        let noted = self.journal.append_all(&[
            Entry::Phase {
                at: clock::now(),
                phase: Phase::Reverted,
            },
            Entry::Failed {
                failure: failure.clone(),
            },
        ]);
        if let Err(error) = noted {
            tracing::error!(%error, "the journal could not be ended");
        }
        self.run.say(Reply::Phase {
            phase: Phase::Reverted,
        });
        failure
    }
}

/// Removes the containers and secrets of a deployment that does not serve.
pub async fn discard(agent: &Agent, deploy: &Deploy) -> Result<()> {
    let used: Vec<String> = agent
        .records
        .get(&deploy.key)
        .into_iter()
        .flat_map(|record| {
            record
                .serving
                .into_iter()
                .chain(record.retiring.into_iter().map(|r| r.running))
        })
        .map(|running| running.container_id)
        .collect();
    let label = format!("{}={}", docker::LABEL_DEPLOYMENT, deploy.deployment_id);
    let mut in_use = false;
    for (id, _) in agent.engine.labelled(&label).await? {
        if used.contains(&id) {
            in_use = true;
        } else {
            agent.engine.remove(&id).await?;
        }
    }
    if !in_use {
        agent.secrets.forget(deploy.deployment_id)?;
    }
    Ok(())
}

fn cancelled() -> AgentError {
    AgentError::refused(
        "cancelled",
        "the deployment was cancelled before its switch",
        "What served before still serves.",
    )
    .that_may_pass()
}

/// Ends the process here when a test asks for it; nothing of it is in a release build.
pub fn crash_point(name: &str) {
    if cfg!(debug_assertions) && std::env::var("PLIMSOLL_CRASH_AT").is_ok_and(|at| at == name) {
        std::process::abort();
    }
}
