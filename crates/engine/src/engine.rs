//! The engine: one handle for every shell.

use crate::{
    Plan,
    action::Action,
    error::{EngineError, Result},
    hands::Hands,
    intent::Intent,
    jobs::{JobEvent, JobNews, Limits, NewJob, Runner, enqueue, look},
    ports::{PortError, PortResult},
    world::{Ports, Settings, World},
};
use futures::{Stream, StreamExt};
use plimsoll_domain::{
    JobId, PlanId,
    job::{Job, JobStatus},
    plan::{differences, hash_of},
};
use plimsoll_store::Store;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The use cases. Cloning is cheap.
#[derive(Clone)]
pub struct Engine {
    pub(crate) world: Arc<World>,
    runner: Arc<OnceCell<Runner<Hands>>>,
}

/// What a direct change answers: what it was about, and the last change that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt<I> {
    /// Id of what was written.
    pub id: I,
    /// Sequence number in the change log: whoever has applied it has seen the change.
    pub seq: i64,
}

impl Engine {
    /// Puts the engine together.
    pub async fn open(ports: Ports, store: Store, settings: Settings) -> Result<Self> {
        let world = Arc::new(World::new(ports, store, settings));
        Ok(Self {
            world,
            runner: Arc::new(OnceCell::new()),
        })
    }

    /// The runner registers this process when the first job needs it: who only looks is nobody's
    /// worker.
    async fn runner(&self) -> Result<&Runner<Hands>> {
        self.runner
            .get_or_try_init(|| async {
                let world = self.world.clone();
                // Jobs have logs; who only looks needs neither the keychain nor a clean folder.
                world.learn_tokens().await;
                world.sweep().await;
                let limits = Limits {
                    backoff_ms: world.settings.patience.backoff_ms,
                    retries: world.settings.patience.retries,
                    ..Limits::default()
                };
                Ok(Runner::open_with(
                    world.store.clone(),
                    world.ports.clock.clone(),
                    world.redactor.clone(),
                    Arc::new(Hands(world)),
                    limits,
                    None,
                )
                .await?)
            })
            .await
    }

    /// A saved plan.
    pub async fn plan(&self, id: PlanId) -> Result<Plan> {
        self.world.store.plan::<Action>(id).await?.ok_or_else(|| {
            EngineError::not_found("plan_unknown", format!("There is no plan {id}."))
                .next_step("Make the plan again.")
        })
    }

    /// Approves a plan: exactly that plan is put in line. When what it was made for has changed
    /// since, nothing happens and the answer says what changed.
    pub async fn approve(&self, id: PlanId) -> Result<Receipt<JobId>> {
        self.put_in_line(id, None).await
    }

    /// Like [`Engine::approve`], for a job that no other process may take: what it makes belongs to
    /// the process that runs it.
    pub(crate) async fn approve_here(&self, id: PlanId) -> Result<Receipt<JobId>> {
        let number = self.runner().await?.number().await?;
        self.put_in_line(id, Some(number)).await
    }

    async fn put_in_line(&self, id: PlanId, only: Option<i64>) -> Result<Receipt<JobId>> {
        let plan = self.plan(id).await?;
        let intent = intent_of(&plan)?;
        let now = intent.observe(&self.world).await?;
        if hash_of(&now) != plan.observed_hash {
            return Err(outdated(&plan, &now));
        }
        let target = intent.target(&self.world).await?;
        let mut write = self.world.store.write().await?;
        if let Some(job) = write.job_of_plan(&target, id).await? {
            return Err(EngineError::conflict(
                "plan_approved",
                "This plan was approved before, and a plan runs once.",
            )
            .evidence([format!("job {job}")])
            .next_step("Look at that job, or make a new plan."));
        }
        self.refuse_beside(&intent).await?;
        let job_id = JobId::mint(self.world.now(), self.world.entropy());
        let job = NewJob {
            id: job_id,
            queue: intent.queue(),
            target,
            on_failure: intent.on_failure(),
        };
        enqueue(&mut write, &plan, &job).await?;
        if let Some(number) = only {
            write.keep_place(job_id, number).await?;
        }
        let deployment = crate::deploy::begin(&self.world, &mut write, &intent, job_id).await?;
        self.world
            .auditor
            .record(
                &mut write,
                "plan.approve",
                &format!("job:{job_id}"),
                serde_json::json!({
                    "plan": id, "title": plan.title, "deployment": deployment,
                }),
            )
            .await?;
        let seq = write.commit().await?;
        Ok(Receipt { id: job_id, seq })
    }

    /// Works on everything that is in line, in the background, as long as the engine lives.
    pub async fn start(&self) -> Result<()> {
        self.runner().await?.start();
        Ok(())
    }

    /// Sees a job to its end and answers it as it is then: ended or interrupted. Waits for its
    /// turn, also behind other processes. Dropping the future does not stop the job.
    pub async fn run(&self, id: JobId) -> Result<Job> {
        Ok(self.runner().await?.run(id).await?)
    }

    /// What happened to a job and what happens, until it ends or is interrupted.
    pub async fn watch(
        &self,
        id: JobId,
    ) -> Result<impl Stream<Item = Result<JobEvent>> + Send + use<>> {
        let events = self.runner().await?.watch(id);
        Ok(events.map(|event| event.map_err(EngineError::from)))
    }

    /// How a job is now.
    pub async fn job_now(&self, id: JobId) -> Result<JobNews> {
        self.find_the_dead().await?;
        Ok(look(&self.world.store, id).await?)
    }

    /// How a job is, at once and whenever that changes, until it ends or is interrupted. Of its log
    /// only the lengths are told.
    pub async fn follow(
        &self,
        id: JobId,
    ) -> Result<impl Stream<Item = Result<JobNews>> + Send + use<>> {
        self.find_the_dead().await?;
        let news = self.runner().await?.follow(id);
        Ok(news.map(|news| news.map_err(EngineError::from)))
    }

    /// Whether this process works on a job now: it is what the end of this process interrupts.
    pub fn works_on(&self, id: JobId) -> bool {
        self.runner.get().is_some_and(|runner| runner.works_on(id))
    }

    /// The number by which this process is registered, if it has run a job.
    pub(crate) fn number(&self) -> Option<i64> {
        self.runner.get().and_then(Runner::number_now)
    }

    /// Asks a job to stop; what it did is undone.
    pub async fn cancel(&self, id: JobId) -> Result<Job> {
        let job = self.runner().await?.cancel(id).await?;
        self.noted("job.cancel", job).await
    }

    /// Goes on with an interrupted job.
    pub async fn resume(&self, id: JobId) -> Result<Job> {
        let job = self.runner().await?.resume(id).await?;
        self.noted("job.resume", job).await
    }

    /// Takes back what an interrupted or failed job did.
    pub async fn undo(&self, id: JobId) -> Result<Job> {
        let job = self.runner().await?.undo(id).await?;
        self.noted("job.undo", job).await
    }

    /// Tries the rest of a failed or cancelled job again.
    pub async fn retry(&self, id: JobId) -> Result<Job> {
        let of = self.world.store.need::<Job>(&id).await?;
        self.refuse_beside(&intent_of(&self.plan(of.plan_id).await?)?)
            .await?;
        let job = self.runner().await?.retry(id).await?;
        self.noted("job.retry", job).await
    }

    /// Jobs that a process left in the middle: each waits for *resume* or *undo*.
    pub async fn interrupted(&self) -> Result<Vec<Job>> {
        self.find_the_dead().await?;
        self.jobs_that_are(JobStatus::Interrupted).await
    }

    /// Ends in order: jobs in the middle become interrupted at once, not when somebody looks.
    pub async fn close(&self) -> Result<()> {
        self.note_late().await;
        match self.runner.get() {
            Some(runner) => Ok(runner.close().await?),
            None => Ok(()),
        }
    }

    /// Jobs whose process has ended without a word become interrupted before anybody is told how
    /// they are.
    pub(crate) async fn find_the_dead(&self) -> Result<()> {
        self.world.store.reap().await?;
        Ok(())
    }

    async fn noted(&self, act: &str, job: Job) -> Result<Job> {
        self.note_done(
            act,
            format!("job:{}", job.id),
            serde_json::json!({"title": job.title}),
        )
        .await;
        Ok(job)
    }
}

/// Looks again when a job begins: another one, which was in line before it, may have changed what
/// its plan was made for.
///
/// # Errors
/// `plan_outdated` with what has changed.
pub(crate) async fn still_as_planned(world: &World, id: JobId) -> PortResult<()> {
    let job = world.store.need::<Job>(&id).await?;
    let Some(plan) = world.store.plan::<Action>(job.plan_id).await? else {
        return Ok(());
    };
    let intent: Intent = serde_json::from_value(plan.intent.clone())
        .map_err(|error| PortError::new("internal", error.to_string()))?;
    if !intent.follows_others() {
        return Ok(());
    }
    let now = intent.observe(world).await?;
    if hash_of(&now) != plan.observed_hash {
        return Err(outdated(&plan, &now).into());
    }
    Ok(())
}

pub(crate) fn intent_of(plan: &Plan) -> Result<Intent> {
    serde_json::from_value(plan.intent.clone())
        .map_err(|error| EngineError::internal("internal", error.to_string()))
}

fn outdated(plan: &Plan, now: &serde_json::Value) -> EngineError {
    let changed = differences(&plan.observed, now);
    EngineError::conflict(
        "plan_outdated",
        "The world has changed since the plan was made, so nothing was done.",
    )
    .evidence(changed.into_iter().map(|change| {
        let text = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
        format!(
            "{}: {} → {}",
            change.subject,
            text(change.before),
            text(change.after)
        )
    }))
    .next_step("Make the plan again and look at it.")
}
