//! Jobs: durable work made of steps, each with its undo.

mod moves;

pub use moves::{Move, Moves};

use crate::{JobId, PlanId, Timestamp};
use serde::{Deserialize, Serialize};

/// Longest a job may run, ms: then it is cut off.
pub const HARD_LIMIT_MS: u64 = 3_600_000;
/// After this long a job is asked to end, ms.
pub const SOFT_LIMIT_MS: u64 = 3_300_000;
/// Most retries of a step, for retryable errors only.
pub const MAX_RETRIES: u32 = 3;
/// The pause before the first retry, ms; doubles each time.
pub const FIRST_BACKOFF_MS: u64 = 60_000;

/// Which line a job stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// Builds.
    Build,
    /// Deployments, rollbacks, domains.
    Deploy,
    /// Watching.
    Monitor,
    /// Everything else.
    Default,
}

/// Where a job, or a deployment, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for its turn.
    Queued,
    /// Runs now.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly; what it did was undone, or it says what remains.
    Failed,
    /// Ended because somebody asked.
    Cancelled,
    /// Its process ended in the middle: *resume* or *undo*.
    Interrupted,
}

impl JobStatus {
    /// Whether nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        match self {
            JobStatus::Queued | JobStatus::Running | JobStatus::Interrupted => false,
            JobStatus::Succeeded | JobStatus::Failed | JobStatus::Cancelled => true,
        }
    }
}

/// Where a step stands. Written before and after each act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Not begun.
    Pending,
    /// Begun; after a crash, perhaps done.
    Running,
    /// Done and verified.
    Done,
    /// Found done already; nothing was changed.
    Skipped,
    /// Failed.
    Failed,
    /// Its undo has begun.
    Undoing,
    /// Undone.
    Undone,
    /// Its undo failed; somebody has to look.
    UndoFailed,
}

/// Which way a job works through its steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// First to last: acts.
    #[default]
    Forward,
    /// Last to first: undoes.
    Back,
}

/// What becomes of a job's done steps when a later one fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They are undone, last first.
    #[default]
    Undo,
    /// They stay, and the job can be retried from the failed step.
    Keep,
}

/// A durable piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Id.
    pub id: JobId,
    /// The plan it runs, exactly.
    pub plan_id: PlanId,
    /// Which line it stands in.
    pub queue: Queue,
    /// What must not be worked on twice at once, such as `service:{id}@{environment}`.
    pub target: String,
    /// What it does, in a few words.
    pub title: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Which way it works through its steps.
    #[serde(default)]
    pub direction: Direction,
    /// What becomes of its done steps when a later one fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Whether somebody asked it to stop.
    pub cancel_requested: bool,
    /// The failure, when there is one.
    pub error: Option<Failure>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A step of a job, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobStep {
    /// The job.
    pub job_id: JobId,
    /// Its place, from 0.
    pub number: u32,
    /// What it does, in a few words.
    pub title: String,
    /// Where it stands.
    pub status: StepStatus,
    /// How often it was begun.
    pub attempt: u32,
    /// What it found or made, for later steps and its undo; never a secret.
    pub output: serde_json::Value,
    /// The failure, when there is one.
    pub error: Option<Failure>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A failure as people see it: cause, evidence, next step, under a stable code. Never a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code, such as `ssh_host_key_changed`.
    pub code: String,
    /// What we were doing and what went wrong, one sentence.
    pub message: String,
    /// The failing answer, the last log lines: what shows it.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// What to do now.
    #[serde(default)]
    pub next_step: String,
    /// Whether trying again may help without anything being changed.
    #[serde(default)]
    pub retryable: bool,
}
