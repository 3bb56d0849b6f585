//! Jobs: durable work. A job runs the steps of a plan, exactly these; each step is
//! *observe → act → verify* with an undo, and its state is written before and after the act.
//!
//! A process may end at any point. Whoever looks next finds the job *interrupted* and where it
//! stands; [`Runner::resume`] goes on in the direction it had, [`Runner::undo`] takes back what was
//! done. Both begin by observing, so that nothing happens twice.

mod follow;
mod progress;
mod runner;
mod stop;
mod undo;
mod watch;
mod work;

#[cfg(test)]
pub(crate) mod tests;

pub use follow::JobNews;
pub(crate) use follow::look;
pub use runner::{Limits, Runner};
pub use watch::JobEvent;

use crate::ports::{PortError, PortResult, Progress};
use async_trait::async_trait;
use futures::future::BoxFuture;
use plimsoll_domain::{
    JobId,
    job::{Direction, Failure, Job, JobStatus, JobStep, OnFailure, Queue, StepStatus},
    plan::Plan,
};
use plimsoll_store::{StoreError, Write};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use tokio_util::sync::CancellationToken;

/// What can go wrong around a job; what goes wrong inside one is its failure.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan that a job runs is not there.
    #[error("the plan of the job {job} is not there")]
    NoPlan {
        /// The job.
        job: JobId,
    },
}

impl From<StoreError> for PortError {
    fn from(error: StoreError) -> Self {
        PortError::from(Failure {
            code: error.code().to_owned(),
            message: error.to_string(),
            evidence: Vec::new(),
            next_step: error.next_step(),
            retryable: error.retryable(),
        })
    }
}

impl From<JobError> for PortError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Store(error) => error.into(),
            JobError::NoPlan { .. } => PortError::new("job_without_plan", error.to_string())
                .next_step("Restore a backup of the store."),
        }
    }
}

/// Does the actions of a plan. Everything is safe to call twice.
#[async_trait]
pub trait Performer: Send + Sync + 'static {
    /// The closed set of actions.
    type Action: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// Looks whether the step is done already; `Some` is its output then.
    async fn observe(&self, step: &StepContext, action: &Self::Action)
    -> PortResult<Option<Value>>;

    /// Acts; answers what later steps and the undo need to know, never a secret.
    async fn act(&self, step: &StepContext, action: &Self::Action) -> PortResult<Value>;

    /// Proves that it is done.
    async fn verify(
        &self,
        step: &StepContext,
        action: &Self::Action,
        output: &Value,
    ) -> PortResult<()>;

    /// Takes it back. `output` is `None` when the act may have begun and said nothing.
    async fn undo(
        &self,
        step: &StepContext,
        action: &Self::Action,
        output: Option<&Value>,
    ) -> PortResult<()>;
}

/// What a step knows about where it stands.
#[derive(Clone)]
pub struct StepContext {
    /// The job.
    pub job_id: JobId,
    /// The process that does it, by its registration.
    pub by: i64,
    /// The step's place, from 0.
    pub number: u32,
    /// How often its act was begun, this time included; 0 while it is observed first.
    pub attempt: u32,
    /// What it does, in a few words.
    pub title: String,
    /// What the steps before it found or made.
    pub outputs: Outputs,
    /// Takes log lines and byte counts.
    pub progress: Arc<dyn Progress>,
    /// Asks the step to end soon: whoever heeds it answers a failure, best with the code
    /// `cancelled`. A step that does not is dropped after a grace.
    pub cancel: CancellationToken,
}

/// Outputs of earlier steps by their numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs(Arc<BTreeMap<u32, Value>>);

impl Outputs {
    /// The output of a step; `None` when it is not done.
    pub fn get(&self, number: u32) -> Option<&Value> {
        self.0.get(&number)
    }
    /// All outputs, first to last.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Value)> {
        self.0.iter().map(|(number, output)| (*number, output))
    }
}

impl FromIterator<(u32, Value)> for Outputs {
    fn from_iter<I: IntoIterator<Item = (u32, Value)>>(outputs: I) -> Self {
        Self(Arc::new(outputs.into_iter().collect()))
    }
}

/// A job to be put in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// Which line it stands in.
    pub queue: Queue,
    /// What must not be worked on twice at once, such as `service:{id}@{environment}`.
    pub target: String,
    /// What becomes of its done steps when a later one fails.
    pub on_failure: OnFailure,
}

/// Saves a plan and puts a job that runs it in line, in the caller's transaction.
///
/// # Errors
/// [`StoreError::TargetInterrupted`] when a job on the same target was interrupted.
pub async fn enqueue<A: Serialize>(
    write: &mut Write,
    plan: &Plan<A>,
    new: &NewJob,
) -> Result<Job, JobError> {
    let now = write.now();
    let job = Job {
        id: new.id,
        plan_id: plan.id,
        queue: new.queue,
        target: new.target.clone(),
        title: plan.title.clone(),
        status: JobStatus::Queued,
        direction: Direction::Forward,
        on_failure: new.on_failure,
        cancel_requested: false,
        error: None,
        created_at: now,
        started_at: None,
        finished_at: None,
    };
    let steps: Vec<JobStep> = (0u32..)
        .zip(&plan.steps)
        .map(|(number, planned)| JobStep {
            job_id: new.id,
            number,
            title: planned.title.clone(),
            status: StepStatus::Pending,
            attempt: 0,
            output: Value::Null,
            error: None,
            started_at: None,
            finished_at: None,
        })
        .collect();
    write.put_plan(plan).await?;
    write.enqueue(&job, &steps).await?;
    Ok(job)
}

/// Called at every point where the process might end between two lasting effects, with the name of
/// the point. A test stops the runner here.
pub type Checkpoint = Arc<dyn Fn(&str) -> BoxFuture<'static, ()> + Send + Sync>;
