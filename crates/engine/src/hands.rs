//! Who does the steps: each noun does its own.

use crate::{
    action::Action,
    jobs::{Performer, StepContext},
    ports::PortResult,
    world::World,
};
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;

/// Does actions in a world.
pub(crate) struct Hands(pub Arc<World>);

#[async_trait]
impl Performer for Hands {
    type Action = Action;

    async fn observe(&self, step: &StepContext, action: &Action) -> PortResult<Option<Value>> {
        if step.number == 0 && step.attempt == 0 {
            crate::engine::still_as_planned(&self.0, step.job_id).await?;
        }
        match action {
            Action::Server(action) => action.observe(&self.0, step).await,
            Action::Deploy(action) => action.observe(&self.0, step).await,
            Action::Domain(action) => action.observe(&self.0, step).await,
            // What is built or pulled already costs nothing to ask for again.
            Action::Run(_) => Ok(None),
        }
    }

    async fn act(&self, step: &StepContext, action: &Action) -> PortResult<Value> {
        match action {
            Action::Server(action) => action.act(&self.0, step).await,
            Action::Deploy(action) => action.act(&self.0, step).await,
            Action::Domain(action) => action.act(&self.0, step).await,
            Action::Run(action) => action.act(&self.0, step).await,
        }
    }

    /// Every act ends with its own proof: the agent answers after the health check, the provider
    /// after its action has completed, the name after it was seen from outside. Asking a second
    /// time would cost a round trip and tell nothing new.
    async fn verify(&self, _: &StepContext, _: &Action, _: &Value) -> PortResult<()> {
        Ok(())
    }

    async fn undo(
        &self,
        step: &StepContext,
        action: &Action,
        output: Option<&Value>,
    ) -> PortResult<()> {
        match action {
            Action::Server(action) => action.undo(&self.0, step, output).await,
            Action::Deploy(action) => action.undo(&self.0, step).await,
            Action::Domain(action) => action.undo(&self.0, step).await,
            Action::Run(action) => action.undo(&self.0, step).await,
        }
    }
}
