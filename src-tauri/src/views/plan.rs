//! Plans: what a click will do, before it does it.

use super::{PlanId, ServerId};
use plimsoll_domain::plan::BeforeAfter;
use plimsoll_engine::Plan;
use serde::{Deserialize, Serialize};
use specta::Type;

/// What a click will do.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct PlanView {
    /// Id.
    pub id: PlanId,
    /// What it does, in a few words.
    pub title: String,
    /// The steps, first to last.
    pub steps: Vec<PlanStepView>,
    /// What people should know before they approve.
    pub notices: Vec<String>,
    /// What it costs a month more, in cents of US dollars.
    pub price_cents_month: i64,
    /// Bytes that travel, where they are known.
    pub transfer_bytes: u64,
    /// Expected downtime, ms.
    pub downtime_ms: u64,
    /// When it was made, RFC 3339.
    pub created_at: String,
}

/// One step of a plan.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct PlanStepView {
    /// What it does, in a few words.
    pub title: String,
    /// The server it works on.
    pub server_id: Option<ServerId>,
    /// Steps of the same group run side by side.
    pub group: u32,
    /// What it costs a month from then on, in cents of US dollars.
    pub price_cents_month: Option<i64>,
    /// Bytes that travel.
    pub transfer_bytes: Option<u64>,
    /// Expected downtime, ms.
    pub downtime_ms: u64,
    /// How it is undone; none when it cannot be.
    pub undo: Option<String>,
    /// What changes.
    pub changes: Vec<BeforeAfterView>,
}

/// A value before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct BeforeAfterView {
    /// What it is about.
    pub subject: String,
    /// Now; none when it does not exist.
    pub before: Option<String>,
    /// Afterwards; none when it is removed.
    pub after: Option<String>,
}

impl From<BeforeAfter> for BeforeAfterView {
    fn from(change: BeforeAfter) -> Self {
        Self {
            subject: change.subject,
            before: change.before,
            after: change.after,
        }
    }
}

impl From<Plan> for PlanView {
    fn from(plan: Plan) -> Self {
        Self {
            id: plan.id.into(),
            price_cents_month: plan.price_cents_month(),
            transfer_bytes: plan.transfer_bytes(),
            downtime_ms: plan.downtime_ms(),
            created_at: plan.created_at.to_string(),
            title: plan.title,
            notices: plan.notices,
            steps: plan
                .steps
                .into_iter()
                .map(|step| PlanStepView {
                    title: step.title,
                    server_id: step.server_id.map(Into::into),
                    group: step.group,
                    price_cents_month: step.price_cents_month,
                    transfer_bytes: step.transfer_bytes,
                    downtime_ms: step.downtime_ms,
                    undo: step.undo,
                    changes: step.changes.into_iter().map(Into::into).collect(),
                })
                .collect(),
        }
    }
}
