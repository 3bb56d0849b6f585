//! Setbacks of actions: what goes wrong behind the API, on demand.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// What becomes of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setback {
    /// It ends as `errored`, and nothing is done.
    Fail,
    /// It stays `in-progress` until the setback is cleared; then it goes on. A `create` that hangs
    /// is a droplet that never becomes active.
    Hang,
}

/// Which actions meet a setback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetbackRule {
    /// Type of the action as the API names it, such as `create` or `snapshot`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many actions meet it; absent means until cleared.
    #[serde(default)]
    pub times: Option<u64>,
    /// What becomes of them.
    pub setback: Setback,
}

/// All setbacks in force.
#[derive(Default)]
pub(crate) struct Setbacks {
    rules: Mutex<Vec<SetbackRule>>,
    cleared: Notify,
}

impl Setbacks {
    pub(crate) fn add(&self, rule: SetbackRule) {
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(rule);
    }

    pub(crate) fn list(&self) -> Vec<SetbackRule> {
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends all setbacks and lets go what hangs; returns how many rules there were.
    pub(crate) fn clear(&self) -> usize {
        let count = {
            let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *rules).len()
        };
        self.cleared.notify_waiters();
        count
    }

    fn hit(&self, kind: &str) -> Option<Setback> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules
            .iter_mut()
            .find(|rule| rule.kind == kind && rule.times != Some(0))?;
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        Some(rule.setback)
    }

    /// Holds an action up as long as a setback says so; false when it is to fail.
    pub(crate) async fn pass(&self, kind: &str) -> bool {
        // Registered before looking, so that a clearing in between is not missed.
        let cleared = self.cleared.notified();
        tokio::pin!(cleared);
        cleared.as_mut().enable();
        match self.hit(kind) {
            None => true,
            Some(Setback::Fail) => false,
            Some(Setback::Hang) => {
                cleared.await;
                true
            }
        }
    }
}
