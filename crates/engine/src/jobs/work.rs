//! Working through one job, forward: every step *observe → act → verify*, every state written
//! before and after.

use super::{
    JobError, Outputs, Performer, StepContext,
    progress::StepProgress,
    runner::Core,
    stop::{Haste, Reason, Stop},
};
use crate::ports::PortResult;
use futures::future::join_all;
use plimsoll_domain::{
    JobId,
    job::{Direction, Failure, Job, JobStatus, JobStep, OnFailure, StepStatus},
    plan::{Plan, PlannedStep},
};
use plimsoll_store::Lease;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often a running job looks at the clock, and whether another process asked it to stop.
const LOOK: Duration = Duration::from_millis(200);

/// A job in the hands of this process.
pub(super) struct Work<P: Performer> {
    pub(super) core: Arc<Core<P>>,
    lease: Lease,
    on_failure: OnFailure,
    pub(super) plan: Plan<P::Action>,
    steps: Mutex<Vec<JobStep>>,
}

impl<P: Performer> Work<P> {
    /// Works until the job has ended.
    pub(super) async fn run(core: Arc<Core<P>>, lease: Lease) -> Result<(), JobError> {
        let job: Job = core.store.need(&lease.job_id).await?;
        let plan = core.store.plan(job.plan_id).await?;
        let steps = core.store.steps(job.id).await?;
        let work = Self {
            plan: plan.ok_or(JobError::NoPlan { job: job.id })?,
            steps: Mutex::new(steps),
            on_failure: job.on_failure,
            lease,
            core,
        };
        if job.direction == Direction::Forward {
            let stop = Stop::default();
            let failure = tokio::select! {
                biased;
                ended = work.forward(&stop) => ended?,
                never = work.guard(&stop, Direction::Forward) => match never {},
            };
            let Some(failure) = failure else {
                return work.finish(JobStatus::Succeeded, None).await;
            };
            let cancelled = stop.reason() == Some(Reason::Cancelled);
            let error = (!cancelled).then_some(failure);
            if work.on_failure == OnFailure::Keep {
                let status = if cancelled {
                    JobStatus::Cancelled
                } else {
                    JobStatus::Failed
                };
                return work.finish(status, error).await;
            }
            work.change_job(|job| {
                job.direction = Direction::Back;
                job.error = error;
            })
            .await?;
        }
        let stop = Stop::default();
        let left = tokio::select! {
            biased;
            left = work.back(&stop) => left?,
            never = work.guard(&stop, Direction::Back) => match never {},
        };
        work.finish_back(left).await
    }

    /// Asks the steps to end when somebody wants it or a limit is reached. Never returns.
    async fn guard(&self, stop: &Stop, direction: Direction) -> Infallible {
        let began = self.core.clock.now();
        let limits = &self.core.limits;
        let mut written = self.core.store.written();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = written.changed() => {}
            }
            let ran = u64::try_from(self.core.clock.now().since_ms(began)).unwrap_or(0);
            if ran >= limits.hard_ms {
                stop.because(Reason::HardLimit);
            }
            if direction == Direction::Back {
                continue;
            }
            if ran >= limits.soft_ms {
                stop.because(Reason::SoftLimit);
            }
            match self.core.store.get::<Job>(&self.lease.job_id).await {
                Ok(Some(job)) if job.cancel_requested => stop.because(Reason::Cancelled),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a job could not be looked at"),
            }
        }
    }

    /// Runs the groups in their order; answers the failure that ended it.
    async fn forward(&self, stop: &Stop) -> Result<Option<Failure>, JobError> {
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (number, planned) in (0u32..).zip(&self.plan.steps) {
            groups.entry(planned.group).or_default().push(number);
        }
        for numbers in groups.into_values() {
            if let Some(reason) = stop.reason() {
                return Ok(Some(reason.failure()));
            }
            let steps = numbers
                .iter()
                .map(|number| self.forward_step(*number, stop));
            let mut failures = Vec::new();
            for ended in join_all(steps).await {
                failures.extend(ended?);
            }
            if failures.is_empty() {
                continue;
            }
            return Ok(Some(match stop.reason() {
                Some(reason @ (Reason::Cancelled | Reason::SoftLimit | Reason::HardLimit)) => {
                    let mut failure = reason.failure();
                    failure.evidence = failures.into_iter().map(|f| f.message).collect();
                    failure
                }
                // A sibling that was asked to end says less than the step that failed by itself.
                Some(Reason::Failed) | None => {
                    let own = failures.iter().position(|f| f.code != "cancelled");
                    failures.swap_remove(own.unwrap_or(0))
                }
            }));
        }
        Ok(None)
    }

    async fn forward_step(&self, number: u32, stop: &Stop) -> Result<Option<Failure>, JobError> {
        match self.step(number).status {
            StepStatus::Done | StepStatus::Skipped => return Ok(None),
            StepStatus::Undoing | StepStatus::UndoFailed => {
                let haste = Haste::none(&self.core.limits);
                if let Some(failure) = self.undo_step(number, stop, haste).await? {
                    return Ok(Some(failure));
                }
            }
            StepStatus::Pending | StepStatus::Running | StepStatus::Failed | StepStatus::Undone => {
            }
        }
        if self.step(number).status == StepStatus::Undone {
            self.save(number, |step| {
                step.status = StepStatus::Pending;
                step.attempt = 0;
                step.output = Value::Null;
            })
            .await?;
        }
        let progress = self.progress(number);
        let mut retries = 0;
        let failure = loop {
            let failure = match self.try_step(number, stop, &progress).await? {
                Ok(()) => return Ok(None),
                Err(failure) => failure,
            };
            let haste = Haste::none(&self.core.limits);
            let again = failure.retryable && retries < haste.retries;
            if !again || stop.reason().is_some() {
                break failure;
            }
            if !self.pause(&failure, retries, haste, stop, &progress).await {
                break failure;
            }
            retries += 1;
        };
        if self.on_failure == OnFailure::Undo && stop.reason().is_none() {
            stop.because(Reason::Failed);
        }
        self.save(number, |step| {
            step.status = StepStatus::Failed;
            step.error = Some(failure.clone());
            step.finished_at = Some(self.core.clock.now());
        })
        .await?;
        Ok(Some(failure))
    }

    /// Waits before a retry; answers whether there is to be one.
    pub(super) async fn pause(
        &self,
        failure: &Failure,
        retries: u32,
        haste: Haste,
        stop: &Stop,
        progress: &StepProgress,
    ) -> bool {
        let pause_ms = haste.pause_ms.saturating_mul(1 << retries.min(16));
        progress.say(&format!(
            "{}; trying again in {} s (retry {} of {})",
            failure.message,
            pause_ms.div_ceil(1_000),
            retries + 1,
            haste.retries
        ));
        tokio::select! {
            () = self.core.clock.sleep_ms(pause_ms) => stop.reason().is_none(),
            () = stop.ask.cancelled() => false,
        }
    }

    async fn try_step(
        &self,
        number: u32,
        stop: &Stop,
        progress: &Arc<StepProgress>,
    ) -> Result<Result<(), Failure>, JobError> {
        let action = &self.planned(number).action;
        let performer = &self.core.performer;
        // What was begun once is ours, also when it is found done: its undo has to know.
        let ours = self.step(number).attempt > 0;
        let context = self.context(number, stop, progress.clone());
        let found = match self
            .bounded(stop, performer.observe(&context, action))
            .await
        {
            Ok(found) => found,
            Err(failure) => return Ok(Err(failure)),
        };
        if let Some(output) = found {
            if ours
                && let Err(failure) = self
                    .bounded(stop, performer.verify(&context, action, &output))
                    .await
            {
                return Ok(Err(failure));
            }
            let status = if ours {
                StepStatus::Done
            } else {
                StepStatus::Skipped
            };
            self.done(number, status, output).await?;
            return Ok(Ok(()));
        }
        self.save(number, |step| {
            step.status = StepStatus::Running;
            step.attempt += 1;
            step.error = None;
            step.started_at = Some(self.core.clock.now());
            step.finished_at = None;
        })
        .await?;
        let context = self.context(number, stop, progress.clone());
        self.core.checkpoint("before an act").await;
        let acted = self.bounded(stop, performer.act(&context, action)).await;
        self.core.checkpoint("after an act").await;
        let output = match acted {
            Ok(output) => output,
            Err(failure) => return Ok(Err(failure)),
        };
        // The undo of an act that is never verified wants to know its output too.
        self.save(number, |step| {
            step.output = output.clone();
        })
        .await?;
        let verified = self
            .bounded(stop, performer.verify(&context, action, &output))
            .await;
        if let Err(failure) = verified {
            return Ok(Err(failure));
        }
        self.done(number, StepStatus::Done, output).await?;
        Ok(Ok(()))
    }

    async fn done(&self, number: u32, status: StepStatus, output: Value) -> Result<(), JobError> {
        self.core.log.flush().await;
        self.save(number, |step| {
            step.status = status;
            step.output = output;
            step.error = None;
            step.finished_at = Some(self.core.clock.now());
        })
        .await
    }

    /// Waits for a call, unless it is cut off: at the hard limit, or when it was asked to end and
    /// still goes on after the grace.
    pub(super) async fn bounded<T>(
        &self,
        stop: &Stop,
        call: impl Future<Output = PortResult<T>>,
    ) -> Result<T, Failure> {
        let cut = async {
            tokio::select! {
                () = stop.cut.cancelled() => {}
                () = async {
                    stop.ask.cancelled().await;
                    tokio::time::sleep(self.core.limits.grace).await;
                } => {}
            }
            stop.reason().unwrap_or(Reason::Cancelled).failure()
        };
        tokio::select! {
            biased;
            answer = call => answer.map_err(|error| self.core.redactor.failure(*error.0)),
            failure = cut => Err(failure),
        }
    }

    /// The job.
    pub(super) fn job_id(&self) -> JobId {
        self.lease.job_id
    }

    pub(super) fn planned(&self, number: u32) -> &PlannedStep<P::Action> {
        &self.plan.steps[number as usize]
    }

    pub(super) fn step(&self, number: u32) -> JobStep {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)[number as usize].clone()
    }

    pub(super) fn progress(&self, number: u32) -> Arc<StepProgress> {
        let core = &self.core;
        Arc::new(StepProgress::new(
            &core.log,
            self.lease.job_id,
            number,
            core.clock.clone(),
            core.redactor.clone(),
            core.live.clone(),
        ))
    }

    /// What a step may know: outputs of the groups before its own.
    pub(super) fn context(
        &self,
        number: u32,
        stop: &Stop,
        progress: Arc<StepProgress>,
    ) -> StepContext {
        let own = self.planned(number).group;
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs: Outputs = steps
            .iter()
            .zip(&self.plan.steps)
            .filter(|(step, planned)| planned.group < own && is_done(step.status))
            .map(|(step, _)| (step.number, step.output.clone()))
            .collect();
        let step = &steps[number as usize];
        StepContext {
            job_id: self.lease.job_id,
            by: self.lease.fence(),
            number,
            attempt: step.attempt,
            title: step.title.clone(),
            outputs,
            progress,
            cancel: stop.ask.clone(),
        }
    }

    /// Writes a step's new state, as long as the job is ours.
    pub(super) async fn save(
        &self,
        number: u32,
        change: impl FnOnce(&mut JobStep),
    ) -> Result<(), JobError> {
        let mut step = self.step(number);
        change(&mut step);
        self.core.checkpoint("before a write").await;
        let mut write = self.core.store.write().await?;
        write.hold(&self.lease).await?;
        write.put(&step).await?;
        write.commit().await?;
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)[number as usize] = step;
        self.core.checkpoint("after a write").await;
        Ok(())
    }

    async fn change_job(&self, change: impl FnOnce(&mut Job)) -> Result<(), JobError> {
        self.core.checkpoint("before a write").await;
        let mut write = self.core.store.write().await?;
        write.hold(&self.lease).await?;
        let mut job: Job = write.need(&self.lease.job_id).await?;
        change(&mut job);
        write.put_job(&job).await?;
        if job.status != JobStatus::Running {
            write.release(&self.lease).await?;
        }
        write.commit().await?;
        self.core.checkpoint("after a write").await;
        Ok(())
    }

    async fn finish(&self, status: JobStatus, error: Option<Failure>) -> Result<(), JobError> {
        self.core.log.flush().await;
        let now = self.core.clock.now();
        self.change_job(|job| {
            job.status = status;
            job.error = error;
            job.finished_at = Some(now);
        })
        .await
    }

    /// Ends a job that was taken back. `left` are the steps that could not be.
    async fn finish_back(&self, left: Vec<(String, Failure)>) -> Result<(), JobError> {
        self.core.log.flush().await;
        let now = self.core.clock.now();
        self.change_job(|job| {
            job.finished_at = Some(now);
            let cause = job.error.take().filter(|error| error.code != "interrupted");
            if left.is_empty() {
                job.status = match cause {
                    Some(_) => JobStatus::Failed,
                    None => JobStatus::Cancelled,
                };
                job.error = cause;
                return;
            }
            let mut error = cause.unwrap_or_else(|| Failure {
                code: "undo_failed".into(),
                message: "not everything could be undone".into(),
                evidence: Vec::new(),
                next_step: String::new(),
                retryable: false,
            });
            for (title, failure) in left {
                let line = format!("not undone: {title}: {}", failure.message);
                if !error.evidence.contains(&line) {
                    error.evidence.push(line);
                }
            }
            error.next_step = format!("Something is left behind: undo the job {} again.", job.id);
            job.status = JobStatus::Failed;
            job.error = Some(error);
        })
        .await
    }
}

/// Whether a step's output counts.
pub(super) fn is_done(status: StepStatus) -> bool {
    match status {
        StepStatus::Done | StepStatus::Skipped => true,
        StepStatus::Pending
        | StepStatus::Running
        | StepStatus::Failed
        | StepStatus::Undoing
        | StepStatus::Undone
        | StepStatus::UndoFailed => false,
    }
}
