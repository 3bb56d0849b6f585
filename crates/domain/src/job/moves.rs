//! What somebody may do about a job, decided once for the runner and every screen.

use super::{Job, JobStatus, JobStep, StepStatus};
use serde::{Deserialize, Serialize};

/// Something that somebody can do about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// Ask it to stop; what it did is undone.
    Cancel,
    /// Go on where it was interrupted.
    Resume,
    /// Take back what it did.
    Undo,
    /// Try the rest of it again.
    Retry,
}

/// What makes sense for a job as it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moves {
    /// It can be asked to stop, and nobody has asked yet.
    pub cancel: bool,
    /// It can go on.
    pub resume: bool,
    /// There may be something to take back.
    pub undo: bool,
    /// The rest can be tried again.
    pub retry: bool,
}

impl JobStatus {
    /// Whether a job that stands here can be moved so. Asking twice for the same is no error.
    pub fn allows(self, wanted: Move) -> bool {
        match (wanted, self) {
            (Move::Cancel, Self::Queued | Self::Running | Self::Interrupted)
            | (Move::Resume, Self::Interrupted)
            | (Move::Undo, Self::Interrupted | Self::Failed)
            | (Move::Retry, Self::Failed | Self::Cancelled) => true,
            (Move::Cancel, Self::Succeeded | Self::Failed | Self::Cancelled)
            | (
                Move::Resume,
                Self::Queued | Self::Running | Self::Succeeded | Self::Failed | Self::Cancelled,
            )
            | (Move::Undo, Self::Queued | Self::Running | Self::Succeeded | Self::Cancelled)
            | (Move::Retry, Self::Queued | Self::Running | Self::Succeeded | Self::Interrupted) => {
                false
            }
        }
    }
}

impl Moves {
    /// What may be done about a job with these steps.
    pub fn of(job: &Job, steps: &[JobStep]) -> Self {
        let allows = |wanted| job.status.allows(wanted);
        Self {
            cancel: allows(Move::Cancel) && !job.cancel_requested,
            resume: allows(Move::Resume),
            // A failed job was taken back already, where that is its rule: what is left is what
            // could not be.
            undo: allows(Move::Undo)
                && (job.status == JobStatus::Interrupted
                    || steps.iter().any(|step| step.status.leaves_something())),
            retry: allows(Move::Retry),
        }
    }
}

impl StepStatus {
    /// Whether a step that stands here may have changed something that is still so.
    fn leaves_something(self) -> bool {
        match self {
            Self::Running | Self::Done | Self::Undoing | Self::UndoFailed => true,
            Self::Pending | Self::Skipped | Self::Failed | Self::Undone => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        JobId, PlanId, Timestamp,
        job::{Direction, OnFailure, Queue},
    };

    fn job(status: JobStatus) -> Job {
        let at = Timestamp::from_millis(1_790_000_000_000);
        Job {
            id: JobId::mint(at, [1; 10]),
            plan_id: PlanId::mint(at, [1; 10]),
            queue: Queue::Deploy,
            target: "service:web".into(),
            title: "Deploy web".into(),
            status,
            direction: Direction::Forward,
            on_failure: OnFailure::Undo,
            cancel_requested: false,
            error: None,
            created_at: at,
            started_at: None,
            finished_at: None,
        }
    }

    fn step(job: &Job, status: StepStatus) -> JobStep {
        JobStep {
            job_id: job.id,
            number: 0,
            title: "Build".into(),
            status,
            attempt: 1,
            output: serde_json::Value::Null,
            error: None,
            started_at: None,
            finished_at: None,
        }
    }

    fn words(status: JobStatus, steps: &[StepStatus]) -> String {
        let job = job(status);
        let steps: Vec<JobStep> = steps.iter().map(|status| step(&job, *status)).collect();
        let moves = Moves::of(&job, &steps);
        [
            ("cancel", moves.cancel),
            ("resume", moves.resume),
            ("undo", moves.undo),
            ("retry", moves.retry),
        ]
        .into_iter()
        .filter(|(_, may)| *may)
        .map(|(word, _)| word)
        .collect::<Vec<_>>()
        .join(" ")
    }

    #[test]
    fn what_may_be_done_follows_from_where_the_job_stands() {
        assert_eq!(words(JobStatus::Queued, &[StepStatus::Pending]), "cancel");
        assert_eq!(words(JobStatus::Running, &[StepStatus::Running]), "cancel");
        assert_eq!(words(JobStatus::Succeeded, &[StepStatus::Done]), "");
        assert_eq!(words(JobStatus::Cancelled, &[StepStatus::Undone]), "retry");
        assert_eq!(
            words(JobStatus::Interrupted, &[StepStatus::Pending]),
            "cancel resume undo"
        );
    }

    #[test]
    fn a_failed_job_is_undone_again_only_when_something_is_left() {
        assert_eq!(
            words(JobStatus::Failed, &[StepStatus::Undone, StepStatus::Failed]),
            "retry"
        );
        assert_eq!(
            words(JobStatus::Failed, &[StepStatus::UndoFailed]),
            "undo retry"
        );
        assert_eq!(words(JobStatus::Failed, &[StepStatus::Done]), "undo retry");
    }

    #[test]
    fn a_job_that_was_asked_to_stop_is_not_asked_again() {
        let mut job = job(JobStatus::Running);
        job.cancel_requested = true;
        assert_eq!(Moves::of(&job, &[]), Moves::default());
    }
}
