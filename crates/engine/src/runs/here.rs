//! What this process has started and watches.

use super::{RunRequest, WatchNews};
use crate::Engine;
use plimsoll_domain::{ProjectId, ServiceId, name::Name};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::mpsc, task::AbortHandle};

/// Projects with containers that this process has started, and services whose files it watches.
#[derive(Default)]
pub(crate) struct InThisProcess {
    started: Mutex<BTreeMap<ProjectId, Name>>,
    watched: Mutex<BTreeMap<ServiceId, AbortHandle>>,
}

impl InThisProcess {
    pub fn begun(&self, project: ProjectId, name: &Name) {
        locked(&self.started).insert(project, name.clone());
    }
    pub fn ended(&self, project: ProjectId) {
        locked(&self.started).remove(&project);
    }
}

impl Engine {
    /// The projects whose containers this process has started and not stopped, with their names.
    pub fn runs_of_this_process(&self) -> Vec<(ProjectId, Name)> {
        let started = locked(&self.world.here.started);
        started
            .iter()
            .map(|(id, name)| (*id, name.clone()))
            .collect()
    }

    /// Stops everything that this process has started, or asks to leave it running when it ends.
    pub async fn leave_runs(&self, keep: bool) -> crate::Result<()> {
        for (project, _) in self.runs_of_this_process() {
            if keep {
                self.keep_run(project).await?;
            } else {
                self.stop_run(project, None).await?;
            }
        }
        Ok(())
    }

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
