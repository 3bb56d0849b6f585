//! Building plans step by step.

use crate::action::Action;
use plimsoll_domain::{
    ServerId,
    plan::{BeforeAfter, PlannedStep},
};

/// The steps of a plan in the making.
#[derive(Default)]
pub(crate) struct Steps {
    steps: Vec<PlannedStep<Action>>,
    group: u32,
}

/// What a planner decided, before it gets its id and is saved.
pub(crate) struct Prepared {
    pub title: String,
    pub steps: Vec<PlannedStep<Action>>,
    pub notices: Vec<String>,
}

impl Steps {
    /// Adds a step that waits for all before it.
    pub fn then(&mut self, title: impl Into<String>, action: impl Into<Action>) -> Step<'_> {
        if !self.steps.is_empty() {
            self.group += 1;
        }
        self.push(title, action)
    }

    /// Adds a step that runs beside the one before it.
    pub fn beside(&mut self, title: impl Into<String>, action: impl Into<Action>) -> Step<'_> {
        self.push(title, action)
    }

    /// The number that the next step gets.
    pub fn next(&self) -> u32 {
        self.steps.len() as u32
    }

    pub fn finish(self) -> Vec<PlannedStep<Action>> {
        self.steps
    }

    fn push(&mut self, title: impl Into<String>, action: impl Into<Action>) -> Step<'_> {
        self.steps.push(PlannedStep {
            title: title.into(),
            action: action.into(),
            server_id: None,
            group: self.group,
            price_cents_month: None,
            transfer_bytes: None,
            downtime_ms: 0,
            undo: None,
            changes: Vec::new(),
        });
        let last = self.steps.len() - 1;
        Step(&mut self.steps[last])
    }
}

/// The step just added, to say more about it.
pub(crate) struct Step<'a>(&'a mut PlannedStep<Action>);

impl Step<'_> {
    pub fn on(self, server: ServerId) -> Self {
        self.0.server_id = Some(server);
        self
    }
    pub fn undo(self, how: impl Into<String>) -> Self {
        self.0.undo = Some(how.into());
        self
    }
    pub fn price(self, cents_month: i64) -> Self {
        self.0.price_cents_month = Some(cents_month);
        self
    }
    pub fn bytes(self, bytes: Option<u64>) -> Self {
        self.0.transfer_bytes = bytes;
        self
    }
    pub fn downtime(self, ms: u64) -> Self {
        self.0.downtime_ms = ms;
        self
    }
    pub fn change(
        self,
        subject: impl Into<String>,
        before: Option<String>,
        after: Option<String>,
    ) -> Self {
        self.0.changes.push(BeforeAfter {
            subject: subject.into(),
            before,
            after,
        });
        self
    }
    pub fn changes(self, changes: impl IntoIterator<Item = BeforeAfter>) -> Self {
        self.0.changes.extend(changes);
        self
    }
}
