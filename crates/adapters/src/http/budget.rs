//! The budget of requests of one token, shared by all its callers: whoever asks for more than is
//! left waits, in this process, instead of being refused by the provider.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// What kind of request it is: some have limits of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Any.
    Any,
    /// A listing of SSH keys: DigitalOcean allows 10 in 60 s.
    KeyList,
}

/// So many requests in a sliding span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Which requests count; [`Class::Any`] counts all.
    pub(crate) class: Class,
    /// Milliseconds.
    pub(crate) span_ms: i64,
    /// Most requests in the span.
    pub(crate) most: usize,
}

/// What was spent, and until when the provider wants none at all.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: &'static [Limit],
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    /// Moments in milliseconds, oldest first.
    at: VecDeque<(i64, Class)>,
    closed_until: i64,
}

impl Budget {
    pub(crate) fn new(limits: &'static [Limit]) -> Self {
        Self {
            limits,
            spent: Mutex::default(),
        }
    }

    /// Takes one request from the budget, or says how many milliseconds to wait before asking
    /// again.
    pub(crate) fn take(&self, class: Class, now: i64) -> Result<(), u64> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = self.limits.iter().map(|limit| limit.span_ms).max();
        let horizon = now - longest.unwrap_or(0);
        // A clock that was set back would leave moments in the future, which never fall out.
        spent.at.retain(|(at, _)| *at > horizon && *at <= now);
        let mut free_at = spent.closed_until;
        for limit in self.limits {
            if limit.class != Class::Any && limit.class != class {
                continue;
            }
            let counts = |kind: &Class| limit.class == Class::Any || *kind == limit.class;
            let nth = spent
                .at
                .iter()
                .rev()
                .filter(|(_, kind)| counts(kind))
                .nth(limit.most - 1);
            if let Some((at, _)) = nth {
                free_at = free_at.max(at + limit.span_ms);
            }
        }
        if free_at > now {
            return Err(u64::try_from(free_at - now).unwrap_or(1));
        }
        spent.at.push_back((now, class));
        Ok(())
    }

    /// Lets nothing pass for so many milliseconds: the provider said so. Never shortens an
    /// earlier closing.
    pub(crate) fn close_for(&self, ms: u64, now: i64) {
        let until = now.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.closed_until = spent.closed_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &[Limit] = &[
        Limit {
            class: Class::Any,
            span_ms: 3_600_000,
            most: 6,
        },
        Limit {
            class: Class::Any,
            span_ms: 60_000,
            most: 3,
        },
        Limit {
            class: Class::KeyList,
            span_ms: 60_000,
            most: 1,
        },
    ];

    #[test]
    fn a_spent_minute_says_when_the_oldest_request_leaves_it() {
        let budget = Budget::new(LIMITS);
        for at in [0, 10, 20] {
            assert_eq!(budget.take(Class::Any, at), Ok(()));
        }
        assert_eq!(budget.take(Class::Any, 1_000), Err(59_000));
        assert_eq!(budget.take(Class::Any, 60_000), Ok(()));
        assert_eq!(budget.take(Class::Any, 60_001), Err(9));
    }

    #[test]
    fn a_spent_hour_waits_for_the_hour() {
        let budget = Budget::new(LIMITS);
        for minute in 0..6 {
            assert_eq!(budget.take(Class::Any, minute * 100_000), Ok(()));
        }
        assert_eq!(budget.take(Class::Any, 700_000), Err(2_900_000));
    }

    #[test]
    fn a_class_has_a_limit_of_its_own_and_counts_in_the_others() {
        let budget = Budget::new(LIMITS);
        assert_eq!(budget.take(Class::KeyList, 0), Ok(()));
        assert_eq!(budget.take(Class::KeyList, 5), Err(59_995));
        assert_eq!(budget.take(Class::Any, 5), Ok(()));
        assert_eq!(budget.take(Class::Any, 6), Ok(()));
        assert_eq!(budget.take(Class::Any, 7), Err(59_993));
    }

    #[test]
    fn a_closing_is_never_shortened() {
        let budget = Budget::new(LIMITS);
        budget.close_for(300_000, 0);
        budget.close_for(1_000, 0);
        assert_eq!(budget.take(Class::Any, 100), Err(299_900));
        assert_eq!(budget.take(Class::Any, 300_000), Ok(()));
    }

    #[test]
    fn a_clock_set_back_does_not_lock_the_budget() {
        let budget = Budget::new(LIMITS);
        for _ in 0..3 {
            assert_eq!(budget.take(Class::Any, 10_000_000), Ok(()));
        }
        assert_eq!(budget.take(Class::Any, 0), Ok(()));
    }
}
