//! The log of requests that the clouds received: what a test asks when it wants to know what was
//! really sent. Neither headers nor bodies nor query strings are kept, so no secret gets here.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const KEPT: usize = 10_000;

/// One request as it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRequest {
    /// Counts up from 1.
    pub seq: u64,
    /// When it arrived, UTC.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Status answered; 0 when the connection was closed without an answer.
    pub status: u16,
    /// Milliseconds from arrival to answer.
    pub took_ms: u64,
    /// The fault that was injected, if any.
    pub fault: Option<String>,
}

#[derive(Default)]
struct Pages {
    next: u64,
    entries: VecDeque<LoggedRequest>,
}

/// The last requests, in memory.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Pages>);

impl Journal {
    pub(crate) fn add(&self, mut entry: LoggedRequest) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.next += 1;
        entry.seq = pages.next;
        if pages.entries.len() == KEPT {
            pages.entries.pop_front();
        }
        pages.entries.push_back(entry);
    }

    /// Requests with a sequence number above `seq`.
    pub(crate) fn since(&self, seq: u64) -> Vec<LoggedRequest> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages
            .entries
            .iter()
            .filter(|entry| entry.seq > seq)
            .cloned()
            .collect()
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next
    }

    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entries
            .clear();
    }
}
