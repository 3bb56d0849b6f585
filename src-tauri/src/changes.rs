//! What was written in the store, told to the pages in batches: by this window, by a job in the
//! background, by the command line, one day by a teammate.

use crate::{
    activity,
    views::{Row, RowView},
};
use plimsoll_engine::{Changed, Engine};
use serde::{Deserialize, Serialize};
use specta::Type;
use std::time::Duration;
use tauri::{AppHandle, async_runtime::JoinHandle};
use tauri_specta::Event;

/// How long writes are gathered before they are told: two frames.
const GATHER: Duration = Duration::from_millis(33);
/// How long a change log that cannot be read is left alone.
const LOOK: Duration = Duration::from_secs(1);
/// Most log entries read at a time.
const BATCH: u32 = 1_000;

/// Rows as they are now, each once, up to a number of the change log.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
pub struct Changes {
    /// Whoever has applied this batch has seen every change up to here.
    pub seq: i64,
    /// The rows that changed.
    pub rows: Vec<Row>,
}

/// Forwards everything that was written after a number of the change log, until it is aborted or the
/// engine ends.
pub fn forward(app: AppHandle, engine: Engine, mut seq: i64) -> JoinHandle<()> {
    tauri::async_runtime::spawn(async move {
        let mut written = engine.written();
        loop {
            match engine.changed_since(seq, BATCH).await {
                Ok(changed) if changed.seq > seq => {
                    seq = changed.seq;
                    tell(&app, changed);
                    tokio::time::sleep(GATHER).await;
                }
                Ok(_) => {
                    // Nothing is asked until somebody wrote, in this process or another.
                    if written.changed().await.is_err() {
                        return;
                    }
                    tokio::time::sleep(GATHER).await;
                }
                Err(_) if engine.is_shut() => return,
                Err(error) => {
                    tracing::warn!("the change log could not be read: {error}");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    })
}

fn tell(app: &AppHandle, changed: Changed) {
    activity::seen(app, &changed.rows);
    let rows: Vec<Row> = changed.rows.into_iter().filter_map(RowView::told).collect();
    let batch = Changes {
        seq: changed.seq,
        rows,
    };
    if let Err(error) = batch.emit(app) {
        tracing::warn!("changes could not be told to the window: {error}");
    }
}
