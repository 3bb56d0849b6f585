//! Building and starting a service again when its files change.
//!
//! Every service whose source is a folder can be watched, whatever it is made of: its image is
//! built as for a server, and the builder's cache makes that quick where little has changed.

use super::plan::{RunRequest, around};
use crate::{
    Engine, Result,
    deploy::{Material, resolve},
    error::EngineError,
    ports::{FolderNews, RunContainer, Watched},
};
use plimsoll_domain::{
    JobId,
    job::{Failure, JobStatus},
    run::RunPart,
    source::Source,
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// How long nothing may change before it is built: an editor writes several files at once.
const QUIET: Duration = Duration::from_millis(300);
/// After this long it is built also when changes do not end.
const LONGEST: Duration = Duration::from_secs(3);

/// What a watch of a service's files comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WatchNews {
    /// Files have changed, and this job builds and starts it again.
    Started {
        /// The job.
        job_id: JobId,
    },
    /// The job has ended.
    Ended {
        /// The job.
        job_id: JobId,
        /// How.
        status: JobStatus,
    },
    /// It could not be begun. What ran still runs, and the watch goes on.
    Failed {
        /// Why.
        failure: Box<Failure>,
    },
}

impl Engine {
    /// Builds and starts a service again whenever its files have changed, until the future is
    /// dropped, nobody takes its news any more, or somebody else has stopped the service or started
    /// it anew: then it is theirs.
    ///
    /// # Errors
    /// `run_not_watched` when its source is no folder; `folder_gone`; `watch_limit`.
    pub async fn watch_run(
        &self,
        request: RunRequest,
        news: mpsc::Sender<WatchNews>,
    ) -> Result<()> {
        let folder = self.watchable(&request).await?;
        let below = Watched::Below(String::new());
        let mut watch = self.world.ports.folders.watch(&folder, &[], below).await?;
        let mut built = self.manifest(&request).await.ok();
        let mut before = self.container_of(&request).await?;
        while settled(&mut watch.news).await {
            // Changes of files that are no part of the image start nothing.
            let now = self.manifest(&request).await;
            if let (Ok(now), Some(built)) = (&now, &built)
                && now == built
            {
                continue;
            }
            built = now.ok();
            if self.is_taken_over(&request, before.as_ref()).await? {
                return Ok(());
            }
            let told = match self.start_run(request.clone()).await {
                Err(error) => {
                    built = None;
                    WatchNews::Failed {
                        failure: Box::new(error.into_failure()),
                    }
                }
                Ok(receipt) => {
                    let job_id = receipt.id;
                    if news.send(WatchNews::Started { job_id }).await.is_err() {
                        return Ok(());
                    }
                    let job = self.run(job_id).await?;
                    if job.status != JobStatus::Succeeded {
                        built = None;
                    }
                    WatchNews::Ended {
                        job_id,
                        status: job.status,
                    }
                }
            };
            before = self.container_of(&request).await?;
            if news.send(told).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The container in which a service runs, or ran.
    async fn container_of(&self, request: &RunRequest) -> Result<Option<RunContainer>> {
        let world = &self.world;
        let found = world.ports.local_runs.all(world.store.device()).await?;
        let mut found = found.containers.into_iter();
        Ok(found.find(|one| {
            matches!(one.mark.part,
                RunPart::Service { service_id, .. } if service_id == request.service_id)
        }))
    }

    /// Whether somebody else has stopped a service or started it anew.
    async fn is_taken_over(
        &self,
        request: &RunRequest,
        before: Option<&RunContainer>,
    ) -> Result<bool> {
        Ok(match (before, self.container_of(request).await?) {
            (None, None) => false,
            (Some(before), None) => !self.world.here.did_remove(&before.id),
            (Some(before), Some(now)) if before.id == now.id => false,
            (_, Some(now)) => Some(now.mark.by) != self.number(),
        })
    }

    /// The folder whose changes matter to a service.
    pub(super) async fn watchable(&self, request: &RunRequest) -> Result<PathBuf> {
        let service = around(&self.world, request).await?.here.service;
        let Source::Folder { path } = &service.source else {
            return Err(EngineError::bad_input(
                "run_not_watched",
                format!(
                    "The files of “{}” do not lie in a folder of this machine.",
                    service.name
                ),
            )
            .next_step("Only a service whose source is a folder is started again by itself."));
        };
        Ok(PathBuf::from(path))
    }

    /// What the service's image would be built from now.
    async fn manifest(&self, request: &RunRequest) -> Result<String> {
        let here = around(&self.world, request).await?.here;
        let (source, spec) = (&here.service.source, &here.service.spec);
        Ok(match resolve(&self.world, &here, source, spec).await? {
            Material::Context(built) => built.files.manifest,
            Material::Image { reference } => reference,
        })
    }
}

/// Waits for changes, and then until none came for a moment. `false` when none can come any more.
async fn settled(news: &mut mpsc::Receiver<FolderNews>) -> bool {
    loop {
        match news.recv().await {
            None => return false,
            // It may come back, and then everything may have changed.
            Some(FolderNews::Gone) => {}
            Some(FolderNews::Changed(_) | FolderNews::Everything) => break,
        }
    }
    let quiet = async { while let Ok(Some(_)) = timeout(QUIET, news.recv()).await {} };
    // A limit that is reached is as good as quiet.
    let _ = timeout(LONGEST, quiet).await;
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn many_changes_at_once_are_one_and_endless_ones_are_built_all_the_same() {
        let (tell, mut news) = mpsc::channel(64);
        for _ in 0..20 {
            tell.send(FolderNews::Everything).await.unwrap();
        }
        assert!(settled(&mut news).await);
        assert!(news.is_empty());
        let endless = tokio::spawn(async move {
            for _ in 0..100 {
                tell.send(FolderNews::Everything).await.unwrap();
                tokio::time::sleep(QUIET / 2).await;
            }
            // The receiver is gone by then.
        });
        let begun = tokio::time::Instant::now();
        assert!(settled(&mut news).await);
        assert!(begun.elapsed() <= LONGEST + QUIET);
        drop(news);
        let _ = endless.await;
    }

    #[tokio::test]
    async fn a_watch_that_ended_settles_never() {
        let (tell, mut news) = mpsc::channel(1);
        tell.send(FolderNews::Gone).await.unwrap();
        drop(tell);
        let begun = Instant::now();
        assert!(!settled(&mut news).await);
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}
