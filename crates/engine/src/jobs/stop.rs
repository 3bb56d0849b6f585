//! Why and when a running job is asked to end, and when it is cut off.

use plimsoll_domain::job::Failure;
use std::sync::{Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

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
