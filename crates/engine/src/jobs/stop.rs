//! Why and when a running job is asked to end, and when it is cut off.

use super::Limits;
use plimsoll_domain::job::{Failure, Job};
use std::sync::{Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Longest pause before something is tried again while somebody waits for a job to stop, ms.
const HURRIED_PAUSE_MS: u64 = 5_000;

/// How often something is tried again, and how long is waited in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Haste {
    /// Most retries.
    pub(super) retries: u32,
    /// The pause before the first retry, ms; doubles each time.
    pub(super) pause_ms: u64,
    /// Whether somebody asked the job to stop, and waits.
    pub(super) is_hurried: bool,
}

impl Haste {
    /// As much patience as a job has; whoever cancelled it waits for one retry. What is left behind
    /// then is told, and the job can be undone again.
    pub(super) fn of(job: &Job, limits: &Limits) -> Self {
        let patient = Self::none(limits);
        if !job.cancel_requested {
            return patient;
        }
        Self {
            retries: patient.retries.min(1),
            pause_ms: patient.pause_ms.min(HURRIED_PAUSE_MS),
            is_hurried: true,
        }
    }

    /// All the patience there is.
    pub(super) fn none(limits: &Limits) -> Self {
        Self {
            retries: limits.retries,
            pause_ms: limits.backoff_ms,
            is_hurried: false,
        }
    }
}

/// Why a job is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Somebody asked.
    Cancelled,
    /// It reached the soft limit.
    SoftLimit,
    /// It reached the hard limit.
    HardLimit,
    /// A step beside or before it failed.
    Failed,
}

impl Reason {
    /// The failure of a step that was not finished for this reason.
    pub(super) fn failure(self) -> Failure {
        let (code, message, next_step) = match self {
            Reason::Cancelled => ("cancelled", "it was cancelled", ""),
            Reason::SoftLimit => (
                "job_time_limit",
                "the job was asked to end after 55 minutes",
                "Look at the log for what takes so long, then retry the job.",
            ),
            Reason::HardLimit => (
                "job_time_limit",
                "the job was cut off after an hour",
                "Look at the log for what takes so long, then retry the job.",
            ),
            Reason::Failed => ("cancelled", "another step failed", ""),
        };
        Failure {
            code: code.to_owned(),
            message: message.to_owned(),
            evidence: Vec::new(),
            next_step: next_step.to_owned(),
            retryable: false,
        }
    }
}

/// Asks the steps of one phase of a job to end, and cuts them off.
#[derive(Default)]
pub(super) struct Stop {
    /// Asks.
    pub(super) ask: CancellationToken,
    /// Cuts off.
    pub(super) cut: CancellationToken,
    reason: Mutex<Option<Reason>>,
}

impl Stop {
    /// Asks to end; the first reason counts, except that a hard limit outweighs all.
    pub(super) fn because(&self, reason: Reason) {
        let mut known = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() || reason == Reason::HardLimit {
            *known = Some(reason);
        }
        drop(known);
        self.ask.cancel();
        if reason == Reason::HardLimit {
            self.cut.cancel();
        }
    }

    /// Why it was asked to end, when it was.
    pub(super) fn reason(&self) -> Option<Reason> {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
