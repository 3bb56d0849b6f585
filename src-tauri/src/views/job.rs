//! Jobs, their steps, and what may be done about them.

use super::{CommandError, DeploymentRowView, JobId, PlanId, ServerId, mirror::mirror};
use plimsoll_domain::job::{Direction, Job, JobStatus, JobStep, Moves, OnFailure, StepStatus};
use plimsoll_engine::{JobNews, LogLine, Since, Slice};
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

/// How a job is now, all of it.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct JobNewsView {
    /// The job.
    pub job: JobView,
    /// Its steps, first to last.
    pub steps: Vec<StepView>,
    /// What may be done about it.
    pub moves: MovesView,
    /// How many lines each step has logged.
    pub lines: Vec<u64>,
    /// Bytes that have travelled.
    pub bytes: Vec<StepBytesView>,
    /// What it waits for.
    pub waiting: Option<WaitingView>,
}

/// Bytes that have travelled for a step.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Type)]
pub struct StepBytesView {
    /// The step.
    pub step: u32,
    /// So many.
    pub done: u64,
    /// Of so many, where that is known.
    pub total: Option<u64>,
}

/// The job that another one waits for.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct WaitingView {
    /// That job.
    pub job_id: JobId,
    /// What it does.
    pub title: String,
    /// Where it stands.
    pub status: JobStatusView,
    /// The process that works on it, in its own words.
    pub process: Option<String>,
}

impl From<JobNews> for JobNewsView {
    fn from(news: JobNews) -> Self {
        Self {
            job: news.job.into(),
            steps: news.steps.into_iter().map(Into::into).collect(),
            moves: news.moves.into(),
            lines: news.lines,
            bytes: news
                .bytes
                .into_iter()
                .map(|(step, (done, total))| StepBytesView { step, done, total })
                .collect(),
            waiting: news.waiting.map(|(job, process)| WaitingView {
                job_id: job.id.into(),
                title: job.title,
                status: job.status.into(),
                process,
            }),
        }
    }
}

/// A job with what it belongs to.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct JobDetailView {
    /// How it is now.
    pub now: JobNewsView,
    /// The deployment that it does, where it does one.
    pub deployment: Option<DeploymentRowView>,
}

/// Jobs, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct JobPageView {
    /// The jobs.
    pub jobs: Vec<JobView>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<String>,
}

impl From<Slice<Job>> for JobPageView {
    fn from(slice: Slice<Job>) -> Self {
        Self {
            jobs: slice.items.into_iter().map(Into::into).collect(),
            next: slice.next,
        }
    }
}

/// What a server says about an interrupted deployment.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct SinceView {
    /// The server.
    pub server_id: ServerId,
    /// What happened there, in a sentence.
    pub text: String,
    /// When the last of it happened, RFC 3339.
    pub at: Option<String>,
    /// Whether the new release serves there.
    pub serves: bool,
}

impl From<Since> for SinceView {
    fn from(since: Since) -> Self {
        Self {
            server_id: since.server_id.into(),
            text: since.text,
            at: since.at.map(|at| at.to_string()),
            serves: since.serves,
        }
    }
}

/// A line of a job's log.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct JobLineView {
    /// The text.
    pub text: String,
    /// When it came, RFC 3339.
    pub at: String,
    /// Whether it was written to standard error.
    pub is_error: bool,
}

impl From<LogLine> for JobLineView {
    fn from(line: LogLine) -> Self {
        Self {
            is_error: line.stream == "stderr",
            at: line.at.to_string(),
            text: line.text,
        }
    }
}

/// Lines one after the other.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct JobLinesView {
    /// The number of the first, counted from 0; those before it are no longer kept.
    pub from: u64,
    /// The lines.
    pub lines: Vec<JobLineView>,
}
