//! Jobs, their steps, and what may be done about them.

use super::{CommandError, JobId, PlanId, mirror::mirror};
use plimsoll_domain::job::{Direction, Job, JobStatus, JobStep, Moves, OnFailure, StepStatus};
use serde::{Deserialize, Serialize};
use specta::Type;

mirror! {
    /// Where a job, or a deployment, stands.
    JobStatusView of JobStatus {
        /// Waits for its turn.
        Queued,
        /// Runs now.
        Running,
        /// Ended well.
        Succeeded,
        /// Ended badly.
        Failed,
        /// Ended because somebody asked.
        Cancelled,
        /// Its process ended in the middle.
        Interrupted,
    }
}

mirror! {
    /// Where a step stands.
    StepStatusView of StepStatus {
        /// Not begun.
        Pending,
        /// Begun.
        Running,
        /// Done and verified.
        Done,
        /// Found done already.
        Skipped,
        /// Failed.
        Failed,
        /// Its undo has begun.
        Undoing,
        /// Undone.
        Undone,
        /// Its undo failed.
        UndoFailed,
    }
}

mirror! {
    /// Which way a job works through its steps.
    DirectionView of Direction {
        /// First to last: acts.
        Forward,
        /// Last to first: undoes.
        Back,
    }
}

mirror! {
    /// What becomes of a job's done steps when a later one fails.
    OnFailureView of OnFailure {
        /// They are undone, last first.
        Undo,
        /// They stay.
        Keep,
    }
}

/// A durable piece of work.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct JobView {
    /// Id.
    pub id: JobId,
    /// The plan that it runs.
    pub plan_id: PlanId,
    /// What must not be worked on twice at once.
    pub target: String,
    /// What it does, in a few words.
    pub title: String,
    /// Where it stands.
    pub status: JobStatusView,
    /// Which way it works.
    pub direction: DirectionView,
    /// What becomes of done steps when a later one fails.
    pub on_failure: OnFailureView,
    /// Whether somebody asked it to stop.
    pub cancel_requested: bool,
    /// The failure, when there is one.
    pub failure: Option<CommandError>,
    /// When it was asked for, RFC 3339.
    pub created_at: String,
    /// When it began, RFC 3339.
    pub started_at: Option<String>,
    /// When it ended, RFC 3339.
    pub finished_at: Option<String>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.into(),
            plan_id: job.plan_id.into(),
            target: job.target,
            title: job.title,
            status: job.status.into(),
            direction: job.direction.into(),
            on_failure: job.on_failure.into(),
            cancel_requested: job.cancel_requested,
            failure: job.error.map(Into::into),
            created_at: job.created_at.to_string(),
            started_at: job.started_at.map(|at| at.to_string()),
            finished_at: job.finished_at.map(|at| at.to_string()),
        }
    }
}

/// A step of a job.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct StepView {
    /// Its place, from 0.
    pub number: u32,
    /// What it does, in a few words.
    pub title: String,
    /// Where it stands.
    pub status: StepStatusView,
    /// How often it was begun.
    pub attempt: u32,
    /// The failure, when there is one.
    pub failure: Option<CommandError>,
    /// When it began, RFC 3339.
    pub started_at: Option<String>,
    /// When it ended, RFC 3339.
    pub finished_at: Option<String>,
}

impl From<JobStep> for StepView {
    fn from(step: JobStep) -> Self {
        Self {
            number: step.number,
            title: step.title,
            status: step.status.into(),
            attempt: step.attempt,
            failure: step.error.map(Into::into),
            started_at: step.started_at.map(|at| at.to_string()),
            finished_at: step.finished_at.map(|at| at.to_string()),
        }
    }
}

/// What may be done about a job now.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Type)]
pub struct MovesView {
    /// It can be asked to stop.
    pub can_cancel: bool,
    /// It can go on.
    pub can_resume: bool,
    /// What it did can be taken back.
    pub can_undo: bool,
    /// The rest can be tried again.
    pub can_retry: bool,
}

impl From<Moves> for MovesView {
    fn from(moves: Moves) -> Self {
        Self {
            can_cancel: moves.cancel,
            can_resume: moves.resume,
            can_undo: moves.undo,
            can_retry: moves.retry,
        }
    }
}
