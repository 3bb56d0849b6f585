//! Taking a job back: its steps' undos, last first.

use super::{
    JobError, Performer,
    stop::{Haste, Stop},
    work::Work,
};
use plimsoll_domain::job::{Failure, Job, StepStatus};
use serde_json::Value;
use std::collections::BTreeMap;

impl<P: Performer> Work<P> {
    /// Undoes every step that may have changed something, last first. A step that cannot be undone
    /// does not keep the others from it; these are answered with why.
    pub(super) async fn back(&self, stop: &Stop) -> Result<Vec<(String, Failure)>, JobError> {
        let job: Job = self.core.store.need(&self.job_id()).await?;
        let haste = Haste::of(&job, &self.core.limits);
        let mut left = Vec::new();
        let mut silent = BTreeMap::new();
        let count = u32::try_from(self.plan.steps.len()).unwrap_or(u32::MAX);
        for number in (0..count).rev() {
            let step = self.step(number);
            let touched = match step.status {
                StepStatus::Pending | StepStatus::Skipped | StepStatus::Undone => false,
                // An act that was never begun left nothing.
                StepStatus::Failed => step.attempt > 0,
                StepStatus::Running
                | StepStatus::Done
                | StepStatus::Undoing
                | StepStatus::UndoFailed => true,
            };
            if !touched {
                continue;
            }
            if self.planned(number).undo.is_some() {
                let server = self.planned(number).server_id;
                // Whoever waits for a server that does not answer waits for it once.
                let known = server.and_then(|server| silent.get(&server).cloned());
                let failure = match known {
                    Some(failure) => Some(self.not_undone(number, failure).await?),
                    None => self.undo_step(number, stop, haste).await?,
                };
                if let Some(failure) = failure {
                    if let Some(server) = server.filter(|_| haste.is_hurried && failure.retryable) {
                        silent.insert(server, failure.clone());
                    }
                    left.push((step.title, failure));
                }
            } else if step.status == StepStatus::Running {
                self.save(number, |step| step.status = StepStatus::Failed)
                    .await?;
            }
        }
        Ok(left)
    }

    /// Undoes one step; answers why it could not be.
    pub(super) async fn undo_step(
        &self,
        number: u32,
        stop: &Stop,
        haste: Haste,
    ) -> Result<Option<Failure>, JobError> {
        self.save(number, |step| step.status = StepStatus::Undoing)
            .await?;
        let progress = self.progress(number);
        let mut retries = 0;
        let failure = loop {
            let step = self.step(number);
            let output = (step.output != Value::Null).then_some(&step.output);
            let context = self.context(number, stop, progress.clone());
            let action = &self.planned(number).action;
            let performer = &self.core.performer;
            self.core.checkpoint("before an undo").await;
            let undone = self
                .bounded(stop, performer.undo(&context, action, output))
                .await;
            self.core.checkpoint("after an undo").await;
            let failure = match undone {
                Ok(()) => {
                    self.core.log.flush().await;
                    self.save(number, |step| {
                        step.status = StepStatus::Undone;
                        step.finished_at = Some(self.core.clock.now());
                    })
                    .await?;
                    return Ok(None);
                }
                Err(failure) => failure,
            };
            let again = failure.retryable && retries < haste.retries;
            if !again || !self.pause(&failure, retries, haste, stop, &progress).await {
                break failure;
            }
            retries += 1;
        };
        Ok(Some(self.not_undone(number, failure).await?))
    }

    async fn not_undone(&self, number: u32, failure: Failure) -> Result<Failure, JobError> {
        self.save(number, |step| {
            step.status = StepStatus::UndoFailed;
            step.error = Some(failure.clone());
            step.finished_at = Some(self.core.clock.now());
        })
        .await?;
        Ok(failure)
    }
}
