//! What this process has done here, and what it watches.

use super::{RunRequest, WatchNews};
use crate::Engine;
use plimsoll_domain::ServiceId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{sync::mpsc, task::AbortHandle};

/// Whether this process has started something, containers that it has removed itself, and services whose files it watches.
#[derive(Default)]
pub(crate) struct InThisProcess {
    started: AtomicBool,
    removed: Mutex<BTreeSet<String>>,
    watched: Mutex<BTreeMap<ServiceId, AbortHandle>>,
}

impl InThisProcess {
    /// This process starts something.
    pub fn note_started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }
    /// Whether this process has started anything.
    pub fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }
    /// This process has removed a container, to start another or because that one was not well.
    pub fn note_removed(&self, container: &str) {
        locked(&self.removed).insert(container.to_owned());
    }
    /// Whether this process has removed a container, and not somebody else.
    pub fn did_remove(&self, container: &str) -> bool {
        locked(&self.removed).contains(container)
    }
}

impl Engine {
    /// Builds and starts a service again whenever its files change, in the background, until it is
    /// stopped or the watch is ended. How the jobs go is told as of every job.
    ///
    /// # Errors
    /// `run_not_watched` when its source is no folder.
    pub async fn begin_watch_of_run(&self, request: RunRequest) -> crate::Result<()> {
        self.watchable(&request).await?;
        let service = request.service_id;
        let engine = self.clone();
        let watch = tokio::spawn(async move {
            let (tell, mut news) = mpsc::channel(8);
            let watching = engine.watch_run(request, tell);
            let listening = async {
                while let Some(told) = news.recv().await {
                    if let WatchNews::Failed { failure } = told {
                        tracing::info!("a service was not started again: {}", failure.message);
                    }
                }
            };
            let (ended, ()) = tokio::join!(watching, listening);
            if let Err(error) = ended {
                tracing::warn!("a service is not watched any more: {error}");
            }
            locked(&engine.world.here.watched).remove(&service);
        });
        let before = locked(&self.world.here.watched).insert(service, watch.abort_handle());
        if let Some(before) = before {
            before.abort();
        }
        Ok(())
    }

    /// Ends the watch of a service's files; nothing when there is none. What runs goes on.
    pub fn end_watch_of_run(&self, service: ServiceId) {
        if let Some(watch) = locked(&self.world.here.watched).remove(&service) {
            watch.abort();
        }
    }

    /// The services whose files this process watches.
    pub fn watched_runs(&self) -> Vec<ServiceId> {
        locked(&self.world.here.watched).keys().copied().collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
