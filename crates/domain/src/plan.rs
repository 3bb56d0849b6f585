//! Plans: what a click will do, before it does it. Pure: prints, prices and compares without a
//! server.

use crate::{PlanId, ServerId, Timestamp};
use serde::{Deserialize, Serialize};

/// Steps in an order. The runner runs exactly these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan<A> {
    /// Id.
    pub id: PlanId,
    /// What it does, in a few words.
    pub title: String,
    /// The steps, first to last.
    pub steps: Vec<PlannedStep<A>>,
    /// What the planner wants people to know before they approve.
    pub notices: Vec<String>,
    /// BLAKE3 over what was observed: when it differs at the start, the world has moved.
    pub observed_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One step of a plan. `A` is the engine's closed set of actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep<A> {
    /// What it does, in a few words: an imperative sentence.
    pub title: String,
    /// The act and everything it needs.
    pub action: A,
    /// The server it works on.
    pub server_id: Option<ServerId>,
    /// Steps of the same group run side by side; groups run in order.
    pub group: u32,
    /// What it costs a month from then on, in integer cents of US dollars.
    pub price_cents_month: Option<i64>,
    /// Bytes that travel, estimated; `None` where nothing is known.
    pub transfer_bytes: Option<u64>,
    /// Expected downtime, ms.
    pub downtime_ms: u64,
    /// How it is undone, or `None` when it cannot be.
    pub undo: Option<String>,
    /// What changes, before and after, one line each.
    pub changes: Vec<BeforeAfter>,
}

/// A value before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeAfter {
    /// What it is about, such as `A app.example.com`.
    pub subject: String,
    /// Now; `None` when it does not exist.
    pub before: Option<String>,
    /// Afterwards; `None` when it is removed.
    pub after: Option<String>,
}

impl<A> Plan<A> {
    /// What the whole costs a month more, in integer cents of US dollars.
    pub fn price_cents_month(&self) -> i64 {
        self.steps
            .iter()
            .filter_map(|step| step.price_cents_month)
            .sum()
    }
    /// Bytes that travel, where they are known.
    pub fn transfer_bytes(&self) -> u64 {
        self.steps
            .iter()
            .filter_map(|step| step.transfer_bytes)
            .sum()
    }
    /// Expected downtime, ms.
    pub fn downtime_ms(&self) -> u64 {
        self.steps.iter().map(|step| step.downtime_ms).sum()
    }
}
