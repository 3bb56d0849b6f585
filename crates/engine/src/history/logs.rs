//! The log of a job, or of one of its steps: any window of it, and where a text is.

use crate::{Engine, Result};
use plimsoll_domain::JobId;
use plimsoll_store::{LogLine, LogSize};

/// Most lines that are handed out at once.
const WINDOW: u32 = 2_000;

impl Engine {
    /// Which lines a job has logged, or one of its steps.
    pub async fn log_size(&self, job: JobId, step: Option<u32>) -> Result<LogSize> {
        Ok(self.world.store.log_size(job, step).await?)
    }

    /// Up to `count` lines from the number `from` on, counted from 0; with the number of the first
    /// of them. Lines that are no longer kept are left out at the beginning.
    pub async fn log_window(
        &self,
        job: JobId,
        step: Option<u32>,
        from: u64,
        count: u32,
    ) -> Result<(u64, Vec<LogLine>)> {
        let store = &self.world.store;
        let from = from.max(store.log_size(job, step).await?.first);
        let lines = store.log_window(job, step, from, count.min(WINDOW)).await?;
        Ok((from, lines))
    }

    /// The number of the nearest line that contains a text, whatever the case of its letters; that
    /// line included.
    pub async fn log_search(
        &self,
        job: JobId,
        step: Option<u32>,
        text: &str,
        from: u64,
        forward: bool,
    ) -> Result<Option<u64>> {
        Ok(self
            .world
            .store
            .log_search(job, step, text, from, !forward)
            .await?)
    }
}
