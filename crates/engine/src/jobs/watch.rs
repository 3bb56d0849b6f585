//! Watching a job from any process: what the store says, and bytes as they travel in this one.

use super::JobError;
use futures::{Stream, stream};
use plimsoll_domain::{
    JobId,
    job::{Job, JobStatus, JobStep},
};
use plimsoll_store::{Blocker, LogLine, Store};
use serde::Serialize;
use std::{collections::VecDeque, time::Duration};
use tokio::sync::{broadcast, watch};

/// How often the store is asked when another process works.
const LOOK: Duration = Duration::from_millis(300);
/// Most log lines read at a time.
const LINES: u32 = 500;

/// News about a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobEvent {
    /// The job is now so.
    Job {
        /// All of it.
        job: Job,
    },
    /// A step is now so.
    Step {
        /// All of it.
        step: JobStep,
    },
    /// A line was logged.
    Log {
        /// The line.
        line: LogLine,
    },
    /// Bytes have travelled; told only in the process that does it, and not every time.
    Bytes {
        /// The step.
        step: u32,
        /// So many.
        done: u64,
        /// Of so many, where that is known.
        total: Option<u64>,
    },
    /// The job waits for another one on the same target.
    Waiting {
        /// For which.
        on: Job,
        /// The process that works on that, in its own words.
        process: Option<String>,
    },
}

/// Bytes that travel in this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    pub(super) job_id: JobId,
    pub(super) step: u32,
    pub(super) done: u64,
    pub(super) total: Option<u64>,
}

struct Watch {
    store: Store,
    job_id: JobId,
    job: Option<Job>,
    steps: Vec<JobStep>,
    blocker: Option<Blocker>,
    line: i64,
    news: VecDeque<JobEvent>,
    ended: bool,
    written: watch::Receiver<u64>,
    live: broadcast::Receiver<Live>,
}

/// Everything about a job from its beginning, then what happens, until it ends or is interrupted.
pub(super) fn watch(
    store: Store,
    job_id: JobId,
    live: broadcast::Receiver<Live>,
) -> impl Stream<Item = Result<JobEvent, JobError>> + Send {
    let watch = Watch {
        written: store.written(),
        store,
        job_id,
        job: None,
        steps: Vec::new(),
        blocker: None,
        line: 0,
        news: VecDeque::new(),
        ended: false,
        live,
    };
    stream::unfold(watch, |mut watch| async move {
        match watch.next().await {
            Ok(event) => event.map(|event| (Ok(event), watch)),
            Err(error) => {
                watch.ended = true;
                watch.news.clear();
                Some((Err(error), watch))
            }
        }
    })
}

impl Watch {
    async fn next(&mut self) -> Result<Option<JobEvent>, JobError> {
        loop {
            if let Some(event) = self.news.pop_front() {
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            self.written.mark_unchanged();
            self.look().await?;
            if self.news.is_empty() && !self.ended {
                self.wait().await;
            }
        }
    }

    /// Reads the job before its steps and these before the log, so that nothing is missing of a job
    /// that is seen to have ended.
    async fn look(&mut self) -> Result<(), JobError> {
        let job: Job = self.store.need(&self.job_id).await?;
        let steps = self.store.steps(self.job_id).await?;
        for step in &steps {
            if !self.steps.contains(step) {
                self.news.push_back(JobEvent::Step { step: step.clone() });
            }
        }
        self.steps = steps;
        loop {
            let lines = self.store.logs(self.job_id, None, self.line, LINES).await?;
            let full = lines.len() == LINES as usize;
            for line in lines {
                self.line = line.seq;
                self.news.push_back(JobEvent::Log { line });
            }
            if !full {
                break;
            }
        }
        let blocker = match job.status {
            JobStatus::Queued => self.store.blocker(&job).await?,
            JobStatus::Running
            | JobStatus::Succeeded
            | JobStatus::Failed
            | JobStatus::Cancelled
            | JobStatus::Interrupted => None,
        };
        let same = |a: &Blocker, b: &Blocker| a.job.id == b.job.id && a.job.status == b.job.status;
        if let Some(now) = &blocker
            && !self
                .blocker
                .as_ref()
                .is_some_and(|before| same(before, now))
        {
            self.news.push_back(JobEvent::Waiting {
                on: now.job.clone(),
                process: now.process.clone(),
            });
        }
        self.blocker = blocker;
        self.ended = job.status.is_final() || job.status == JobStatus::Interrupted;
        if self.job.as_ref() != Some(&job) {
            self.news.push_back(JobEvent::Job { job: job.clone() });
            self.job = Some(job);
        }
        Ok(())
    }

    async fn wait(&mut self) {
        let pause = tokio::time::sleep(LOOK);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return,
                changed = self.written.changed() => {
                    if changed.is_ok() {
                        return;
                    }
                    pause.as_mut().await;
                    return;
                }
                live = self.live.recv() => match live {
                    Ok(live) if live.job_id == self.job_id => {
                        self.news.push_back(JobEvent::Bytes {
                            step: live.step,
                            done: live.done,
                            total: live.total,
                        });
                        return;
                    }
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => {
                        pause.as_mut().await;
                        return;
                    }
                },
            }
        }
    }
}
