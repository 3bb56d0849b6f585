//! The machine's clock, its randomness, and real patience.

use plimsoll_domain::Timestamp;
use plimsoll_engine::ports::Clock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The one place of the adapters that reads the clock and asks the system for randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait::async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = SystemTime::now();
        let millis = match now.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            // A clock before 1970 is wrong, but not a reason to stop.
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Timestamp::from_millis(millis)
    }

    /// # Panics
    /// When the operating system has no randomness to give: keys made then would be guessable.
    fn entropy(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the operating system gives no randomness: {error}");
        }
    }

    async fn sleep_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_differs_from_call_to_call() {
        let (mut one, mut other) = ([0u8; 32], [0u8; 32]);
        SystemClock.entropy(&mut one);
        SystemClock.entropy(&mut other);
        assert_ne!(one, other);
    }

    #[test]
    fn the_clock_is_past_the_day_this_was_written() {
        assert!(SystemClock.now().as_millis() > 1_780_000_000_000);
    }
}
