//! The one place of the lab's APIs that reads the clock.

use jiff::{SignedDuration, Timestamp};

/// Tells the time to the books. Tests bring their own.
pub trait Clock: Send + Sync {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// RFC 3339 with whole seconds, as DigitalOcean writes dates.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3339 with microseconds, as Cloudflare writes dates.
pub(crate) fn micros(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// The moment `ms` milliseconds after `at`; `at` itself where that leaves the calendar.
pub(crate) fn later(at: Timestamp, ms: u64) -> Timestamp {
    let millis = i64::try_from(ms).unwrap_or(i64::MAX);
    at.checked_add(SignedDuration::from_millis(millis))
        .unwrap_or(at)
}
