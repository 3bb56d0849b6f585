//! Rate limits: DigitalOcean's sliding hour and its burst minute, Cloudflare's five minutes with
//! a ban of five more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many requests a token has. The defaults are the public ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// DigitalOcean: requests in a sliding hour.
    pub digitalocean_hour: usize,
    /// DigitalOcean: requests in a sliding minute.
    pub digitalocean_minute: usize,
    /// DigitalOcean: listings of SSH keys in a sliding minute.
    pub digitalocean_key_lists: usize,
    /// Cloudflare: requests in five minutes; one more closes the door for five minutes.
    pub cloudflare_five_minutes: usize,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            digitalocean_hour: 5_000,
            digitalocean_minute: 250,
            digitalocean_key_lists: 10,
            cloudflare_five_minutes: 1_200,
        }
    }
}

/// What a token has left, for the `ratelimit-*` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: usize,
    pub(crate) remaining: usize,
    /// Unix time in seconds when the oldest request of the window leaves it.
    pub(crate) reset: i64,
}

/// Whether a request passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass(Allowance),
    /// Refused; `retry_after` in seconds where the cloud tells it.
    Refuse {
        allowance: Allowance,
        retry_after: Option<i64>,
    },
}

const MINUTE: i64 = 60;
const FIVE_MINUTES: i64 = 300;
const HOUR: i64 = 3_600;

#[derive(Default)]
struct Usage {
    /// Unix times in seconds, oldest first.
    seen: VecDeque<i64>,
    key_lists: VecDeque<i64>,
    banned_until: i64,
}

/// Counts requests by token. Not persisted: a restart forgives.
pub(crate) struct Limits {
    settings: Mutex<LimitSettings>,
    usage: Mutex<HashMap<String, Usage>>,
}

impl Limits {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        Self {
            settings: Mutex::new(settings),
            usage: Mutex::new(HashMap::new()),
        }
    }

    pub(crate) fn settings(&self) -> LimitSettings {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the limits and forgets what was counted.
    pub(crate) fn set(&self, settings: LimitSettings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.usage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn digitalocean(&self, token: &str, lists_keys: bool, now: Timestamp) -> Verdict {
        let (settings, now) = (self.settings(), now.as_second());
        let mut all = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = all.entry(token.to_owned()).or_default();
        forget(&mut usage.seen, now - HOUR);
        forget(&mut usage.key_lists, now - MINUTE);
        let allowance = |seen: &VecDeque<i64>| Allowance {
            limit: settings.digitalocean_hour,
            remaining: settings.digitalocean_hour.saturating_sub(seen.len()),
            reset: seen.front().map_or(now, |first| first + HOUR),
        };
        if usage.seen.len() >= settings.digitalocean_hour {
            return Verdict::Refuse {
                allowance: allowance(&usage.seen),
                retry_after: None,
            };
        }
        let burst = usage
            .seen
            .iter()
            .rev()
            .take_while(|at| **at > now - MINUTE)
            .count();
        let lists = if lists_keys { usage.key_lists.len() } else { 0 };
        if burst >= settings.digitalocean_minute || lists >= settings.digitalocean_key_lists {
            let oldest = if burst >= settings.digitalocean_minute {
                usage.seen.iter().rev().nth(burst.saturating_sub(1))
            } else {
                usage.key_lists.front()
            };
            let retry_after = oldest.map_or(MINUTE, |at| (at + MINUTE - now).max(1));
            return Verdict::Refuse {
                allowance: allowance(&usage.seen),
                retry_after: Some(retry_after),
            };
        }
        usage.seen.push_back(now);
        if lists_keys {
            usage.key_lists.push_back(now);
        }
        Verdict::Pass(allowance(&usage.seen))
    }

    pub(crate) fn cloudflare(&self, token: &str, now: Timestamp) -> Verdict {
        let (limit, now) = (self.settings().cloudflare_five_minutes, now.as_second());
        let mut all = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = all.entry(token.to_owned()).or_default();
        forget(&mut usage.seen, now - FIVE_MINUTES);
        if usage.banned_until <= now && usage.seen.len() >= limit {
            usage.banned_until = now + FIVE_MINUTES;
            usage.seen.clear();
        }
        if usage.banned_until > now {
            let allowance = Allowance {
                limit,
                remaining: 0,
                reset: usage.banned_until,
            };
            return Verdict::Refuse {
                allowance,
                retry_after: Some(usage.banned_until - now),
            };
        }
        usage.seen.push_back(now);
        let reset = usage.seen.front().map_or(now, |first| first + FIVE_MINUTES);
        Verdict::Pass(Allowance {
            limit,
            remaining: limit.saturating_sub(usage.seen.len()),
            reset,
        })
    }
}

fn forget(times: &mut VecDeque<i64>, until: i64) {
    while times.front().is_some_and(|at| *at <= until) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn small() -> Limits {
        Limits::new(LimitSettings {
            digitalocean_hour: 6,
            digitalocean_minute: 3,
            digitalocean_key_lists: 2,
            cloudflare_five_minutes: 3,
        })
    }

    #[test]
    fn a_burst_is_refused_with_the_seconds_to_wait_and_passes_after_them() {
        let limits = small();
        for second in [0, 1, 2] {
            assert!(matches!(
                limits.digitalocean("t", false, at(second)),
                Verdict::Pass(_)
            ));
        }
        let Verdict::Refuse { retry_after, .. } = limits.digitalocean("t", false, at(10)) else {
            panic!("the fourth request in a minute must be refused");
        };
        assert_eq!(retry_after, Some(50));
        assert!(matches!(
            limits.digitalocean("t", false, at(60)),
            Verdict::Pass(_)
        ));
        assert!(matches!(
            limits.digitalocean("other", false, at(10)),
            Verdict::Pass(_)
        ));
    }

    #[test]
    fn a_spent_hour_is_refused_without_retry_after() {
        let limits = small();
        for second in [0, 61, 122, 183, 244, 305] {
            assert!(matches!(
                limits.digitalocean("t", false, at(second)),
                Verdict::Pass(_)
            ));
        }
        let Verdict::Refuse {
            retry_after,
            allowance,
        } = limits.digitalocean("t", false, at(400))
        else {
            panic!("the seventh request in an hour must be refused");
        };
        assert_eq!(retry_after, None);
        assert_eq!(allowance.remaining, 0);
        assert_eq!(allowance.reset, at(3_600).as_second());
        assert!(matches!(
            limits.digitalocean("t", false, at(3_600)),
            Verdict::Pass(_)
        ));
    }

    #[test]
    fn listing_keys_has_a_limit_of_its_own() {
        let limits = small();
        assert!(matches!(
            limits.digitalocean("t", true, at(0)),
            Verdict::Pass(_)
        ));
        assert!(matches!(
            limits.digitalocean("t", true, at(1)),
            Verdict::Pass(_)
        ));
        assert!(matches!(
            limits.digitalocean("t", true, at(2)),
            Verdict::Refuse { .. }
        ));
        assert!(matches!(
            limits.digitalocean("t", false, at(2)),
            Verdict::Pass(_)
        ));
    }

    #[test]
    fn cloudflare_closes_the_door_for_five_minutes() {
        let limits = small();
        for second in [0, 1, 2] {
            assert!(matches!(
                limits.cloudflare("t", at(second)),
                Verdict::Pass(_)
            ));
        }
        assert!(matches!(
            limits.cloudflare("t", at(3)),
            Verdict::Refuse { .. }
        ));
        let Verdict::Refuse { retry_after, .. } = limits.cloudflare("t", at(302)) else {
            panic!("still closed, although the window has passed");
        };
        assert_eq!(retry_after, Some(1));
        assert!(matches!(limits.cloudflare("t", at(303)), Verdict::Pass(_)));
    }
}
