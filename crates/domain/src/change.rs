//! The change log: every write, cell by cell, ready to be shared with a team.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A stamp of a hybrid logical clock: (wall ms, counter, device), totally ordered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hlc {
    /// Wall clock in ms, never running backwards.
    pub wall_ms: i64,
    /// Counts writes within one millisecond.
    pub counter: u32,
    /// The device that wrote: breaks ties.
    pub device: String,
}

impl Hlc {
    /// The next stamp after `self` at the time `now` on the same device.
    pub fn next(&self, now: Timestamp) -> Hlc {
        let (wall_ms, counter) = if now.as_millis() > self.wall_ms {
            (now.as_millis(), 0)
        } else if self.counter == u32::MAX {
            (self.wall_ms + 1, 0)
        } else {
            (self.wall_ms, self.counter + 1)
        };
        Hlc {
            wall_ms,
            counter,
            device: self.device.clone(),
        }
    }

    /// This device's clock after it has seen `other`.
    pub fn witness(&self, other: &Hlc, now: Timestamp) -> Hlc {
        let latest = if (other.wall_ms, other.counter) > (self.wall_ms, self.counter) {
            Hlc {
                device: self.device.clone(),
                ..other.clone()
            }
        } else {
            self.clone()
        };
        latest.next(now)
    }
}

impl fmt::Display for Hlc {
    /// Fixed width, so that text order is clock order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:016x}-{:08x}-{}",
            self.wall_ms, self.counter, self.device
        )
    }
}

/// A text that is no stamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a stamp of the change log")]
pub struct InvalidHlc(pub String);

impl FromStr for Hlc {
    type Err = InvalidHlc;
    fn from_str(text: &str) -> Result<Self, InvalidHlc> {
        let refused = || InvalidHlc(text.chars().take(80).collect());
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().ok_or_else(refused);
        let wall_ms = i64::from_str_radix(part()?, 16).map_err(|_| refused())?;
        let counter = u32::from_str_radix(part()?, 16).map_err(|_| refused())?;
        let device = part()?.to_owned();
        Ok(Self {
            wall_ms,
            counter,
            device,
        })
    }
}

/// One row of the change log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Counts up on this device.
    pub seq: i64,
    /// The noun, as its table is called.
    pub noun: String,
    /// The row's id.
    pub row_id: String,
    /// What happened to it.
    pub act: ChangeAct,
    /// The cells that were written, name to new value; sealed values stay sealed.
    pub cells: serde_json::Value,
    /// When, by the hybrid logical clock.
    pub hlc: Hlc,
    /// Who.
    pub author: String,
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAct {
    /// It came to be.
    Created,
    /// Cells of it were written.
    Updated,
    /// It was deleted; a tombstone stays.
    Deleted,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_later_stamp_is_greater_also_when_the_clock_runs_backwards(
            times in prop::collection::vec(0i64..1_000, 1..50)
        ) {
            let mut clock = Hlc { wall_ms: 0, counter: 0, device: "d".into() };
            for time in times {
                let next = clock.next(Timestamp::from_millis(time));
                prop_assert!(next > clock);
                prop_assert!(next.to_string() > clock.to_string());
                prop_assert_eq!(next.to_string().parse::<Hlc>().unwrap(), next.clone());
                clock = next;
            }
        }
    }
}
