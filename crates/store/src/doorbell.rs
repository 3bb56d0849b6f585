//! Hearing of commits: this process's own at once, another process's soon after.

use crate::{Result, Store, error::doing, open::Inner};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::watch;

/// How often another process's commits are looked for.
const LOOK: Duration = Duration::from_millis(500);

impl Store {
    /// Wakes whoever waits on it at each commit: of this process at once, of another one within half
    /// a second. Whoever reads after waking misses nothing.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.inner.written.subscribe()
    }
}

/// Rings when another process has committed, for as long as the store is open.
pub(crate) async fn listen(store: Weak<Inner>) {
    let mut heard = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(inner) = store.upgrade() else {
            return;
        };
        if inner.writer.is_closed() {
            return;
        }
        if inner.written.receiver_count() == 0 {
            continue;
        }
        match version(&inner).await {
            Ok(now) => {
                // What was committed before the first look may not have been seen by anybody.
                if heard != Some(now) {
                    inner.written.send_modify(|count| *count += 1);
                }
                heard = Some(now);
            }
            Err(error) if inner.writer.is_closed() => {
                tracing::debug!(%error, "the store was closed during a look");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "other processes' commits could not be looked for");
            }
        }
    }
}

/// A number that is another one after another connection has committed
/// (<https://www.sqlite.org/pragma.html#pragma_data_version>). Asked on the one connection that
/// writes: this process's own commits ring by themselves. While it is in a transaction nobody else
/// can commit, so nothing is missed by waiting for it.
async fn version(inner: &Arc<Inner>) -> Result<i64> {
    sqlx::query_scalar("PRAGMA data_version")
        .fetch_one(&inner.writer)
        .await
        .map_err(doing("look for other processes' commits"))
}
