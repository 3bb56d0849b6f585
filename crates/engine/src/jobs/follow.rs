//! Following a job as a screen does: how all of it is now, a few times a second; of its log only how
//! long it is.

use super::{JobError, watch::Live};
use futures::{Stream, stream};
use plimsoll_domain::{
    JobId,
    job::{Job, JobStatus, JobStep, Moves},
};
use plimsoll_store::{Blocker, Store};
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::{broadcast, watch};

/// How often the store is asked when another process works.
const LOOK: Duration = Duration::from_millis(300);
/// The shortest pause between two news.
const PAUSE: Duration = Duration::from_millis(100);

/// How a job is now.
#[derive(Debug, Clone, PartialEq)]
pub struct JobNews {
    /// The job.
    pub job: Job,
    /// Its steps, first to last.
    pub steps: Vec<JobStep>,
    /// What may be done about it.
    pub moves: Moves,
    /// How many lines each step has logged, in the order of the steps.
    pub lines: Vec<u64>,
    /// Bytes that have travelled, by step, with how many there are where that is known; only in the
    /// process that works.
    pub bytes: BTreeMap<u32, (u64, Option<u64>)>,
    /// The job that it waits for, and the process that works on that one, in its own words.
    pub waiting: Option<(Job, Option<String>)>,
}

struct Follow {
    store: Store,
    id: JobId,
    told: Option<JobNews>,
    bytes: BTreeMap<u32, (u64, Option<u64>)>,
    written: watch::Receiver<u64>,
    live: broadcast::Receiver<Live>,
    ended: bool,
}

/// How a job is, at once and whenever that changes; the last news is how it ended or was
/// interrupted.
pub(super) fn follow(
    store: Store,
    id: JobId,
    live: broadcast::Receiver<Live>,
) -> impl Stream<Item = Result<JobNews, JobError>> + Send {
    let follow = Follow {
        written: store.written(),
        store,
        id,
        told: None,
        bytes: BTreeMap::new(),
        live,
        ended: false,
    };
    stream::unfold(follow, |mut follow| async move {
        if follow.ended {
            return None;
        }
        let news = follow.next().await;
        follow.ended |= news.is_err();
        Some((news, follow))
    })
}

/// How a job is now.
pub(crate) async fn look(store: &Store, id: JobId) -> Result<JobNews, JobError> {
    let job: Job = store.need(&id).await?;
    let steps = store.steps(id).await?;
    let mut lines = Vec::with_capacity(steps.len());
    for step in &steps {
        lines.push(store.log_size(id, Some(step.number)).await?.total);
    }
    let waiting = match job.status {
        JobStatus::Queued => store.blocker(&job).await?,
        JobStatus::Running
        | JobStatus::Succeeded
        | JobStatus::Failed
        | JobStatus::Cancelled
        | JobStatus::Interrupted => None,
    };
    Ok(JobNews {
        moves: Moves::of(&job, &steps),
        job,
        steps,
        lines,
        bytes: BTreeMap::new(),
        waiting: waiting.map(|Blocker { job, process }| (job, process)),
    })
}

impl Follow {
    async fn next(&mut self) -> Result<JobNews, JobError> {
        if self.told.is_some() {
            tokio::time::sleep(PAUSE).await;
        }
        loop {
            self.written.mark_unchanged();
            self.hear();
            let mut news = look(&self.store, self.id).await?;
            news.bytes = self.bytes.clone();
            if self.told.as_ref() != Some(&news) {
                self.ended =
                    news.job.status.is_final() || news.job.status == JobStatus::Interrupted;
                self.told = Some(news.clone());
                return Ok(news);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = self.written.changed() => {}
                live = self.live.recv() => match live {
                    Ok(live) => self.take(&live),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => tokio::time::sleep(LOOK).await,
                },
            }
        }
    }

    /// Takes the bytes that were told since.
    fn hear(&mut self) {
        loop {
            match self.live.try_recv() {
                Ok(live) => self.take(&live),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(
                    broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed,
                ) => return,
            }
        }
    }

    fn take(&mut self, live: &Live) {
        if live.job_id == self.id {
            self.bytes.insert(live.step, (live.done, live.total));
        }
    }
}
