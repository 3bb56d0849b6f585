//! Who works on which job: registrations of processes, leases on jobs.
//!
//! A registration holds a lock on a file of its own until its process ends. Whoever can take that
//! lock knows that the process is gone, without guessing from a clock. Its number is the fence:
//! every write about a job is made only while the lease with that fence stands.

use crate::{Result, Store, StoreError, Write, error::doing, lock::Held, table::nouns};
use plimsoll_domain::{
    JobId,
    job::{Failure, Job, JobStatus, Queue},
};
use std::{collections::BTreeMap, path::PathBuf};

/// A process that may run jobs. Dropping it frees its lock: what it held becomes interrupted when
/// the next process looks.
pub struct Registration {
    store: Store,
    fence: i64,
    _lock: Held,
}

/// The right to work on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job_id: JobId,
    fence: i64,
}

impl Lease {
    /// The number of the registration that holds it.
    pub fn fence(&self) -> i64 {
        self.fence
    }
}

/// The job that has to end first.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocker {
    /// The job on the same target.
    pub job: Job,
    /// The process that works on it, in its own words.
    pub process: Option<String>,
}

impl Store {
    /// Registers this process to run jobs, after it has looked for dead ones. `process` is shown to
    /// those who wait, such as `pid 4711 on laptop`.
    pub async fn register(&self, process: &str) -> Result<Registration> {
        self.reap().await?;
        let mut write = self.write().await?;
        let now = write.now().to_string();
        let fence: i64 = sqlx::query_scalar(
            "INSERT INTO runners (process, started_at, heartbeat_at) VALUES (?1, ?2, ?2) \
             RETURNING fence",
        )
        .bind(process)
        .bind(now)
        .fetch_one(&mut *write.transaction)
        .await
        .map_err(doing("register a runner"))?;
        // The lock is held before anybody can see the row, so that no one takes us for dead.
        let path = self.runner_lock(fence)?;
        let lock = Held::try_alone(&path)?.ok_or(StoreError::InUse {
            doing: "register a runner",
        })?;
        write.commit().await?;
        Ok(Registration {
            store: self.clone(),
            fence,
            _lock: lock,
        })
    }

    /// Finds processes that ended without saying so; their jobs become interrupted and are
    /// answered.
    pub async fn reap(&self) -> Result<Vec<JobId>> {
        let alive: Vec<i64> = sqlx::query_scalar("SELECT fence FROM runners ORDER BY fence")
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(doing("list runners"))?;
        let mut interrupted = Vec::new();
        for fence in alive {
            let path = self.runner_lock(fence)?;
            let Some(lock) = Held::try_alone(&path)? else {
                continue;
            };
            let mut write = self.write().await?;
            interrupted.extend(write.end_runner(fence).await?);
            write.commit().await?;
            drop(lock);
            remove(&path);
        }
        Ok(interrupted)
    }

    /// What a job waits for, when something on its target stands before it.
    pub async fn blocker(&self, job: &Job) -> Result<Option<Blocker>> {
        let mut connection = self.reader().await?;
        let rows = sqlx::query(BLOCKERS)
            .bind(&job.target)
            .bind(job.id.to_string())
            .fetch_all(&mut *connection)
            .await
            .map_err(doing("look at a target"))?;
        let Some(first) = nouns::<Job>(&rows)?.into_iter().next() else {
            return Ok(None);
        };
        let process: Option<String> = sqlx::query_scalar(
            "SELECT process FROM runners JOIN leases USING (fence) WHERE job_id = ?1",
        )
        .bind(first.id.to_string())
        .fetch_optional(&mut *connection)
        .await
        .map_err(doing("look for a runner"))?;
        Ok(Some(Blocker {
            job: first,
            process,
        }))
    }

    /// The processes that are registered, in their own words, by their numbers. Those that have ended
    /// without a word are among them until somebody [looks for them](Store::reap).
    pub async fn registered(&self) -> Result<BTreeMap<i64, String>> {
        let rows: Vec<(i64, String)> = sqlx::query_as("SELECT fence, process FROM runners")
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(doing("list runners"))?;
        Ok(rows.into_iter().collect())
    }

    fn runner_lock(&self, fence: i64) -> Result<PathBuf> {
        let folder = self.inner.folder.join("runners");
        std::fs::create_dir_all(&folder).map_err(|source| StoreError::File {
            doing: "create",
            path: folder.clone(),
            source,
        })?;
        Ok(folder.join(format!("{fence}.lock")))
    }
}

/// Jobs on a target that stand before a job: what runs or was interrupted, then what somebody
/// waits with since earlier.
const BLOCKERS: &str = "SELECT * FROM jobs WHERE target = ?1 AND id <> ?2 \
     AND (status IN ('running', 'interrupted') \
          OR (status = 'queued' AND id < ?2 \
              AND EXISTS (SELECT 1 FROM leases WHERE job_id = jobs.id))) \
     ORDER BY status = 'queued', id LIMIT 1";

impl Registration {
    /// The number of this registration.
    pub fn fence(&self) -> i64 {
        self.fence
    }

    /// Keeps a place in line for a queued job, so that no other process takes it. Answers whether
    /// the place is ours.
    pub async fn adopt(&self, job: JobId) -> Result<bool> {
        let mut write = self.store.write().await?;
        let is_ours = write.keep_place(job, self.fence).await?;
        write.commit().await?;
        Ok(is_ours)
    }

    /// Takes a queued job when nothing on its target stands before it and no other process keeps
    /// its place; it is running from then on.
    pub async fn claim(&self, job: JobId) -> Result<Option<Lease>> {
        let mut write = self.store.write().await?;
        let job: Job = write.need(&job).await?;
        if job.status != JobStatus::Queued {
            return Ok(None);
        }
        let blocked = sqlx::query(BLOCKERS)
            .bind(&job.target)
            .bind(job.id.to_string())
            .fetch_optional(&mut *write.transaction)
            .await
            .map_err(doing("look at a target"))?;
        if blocked.is_some() {
            return Ok(None);
        }
        let lease = self.take(&mut write, job).await?;
        write.commit().await?;
        Ok(lease)
    }

    /// Takes the oldest queued job of a queue whose target is free and whose place nobody keeps.
    pub async fn claim_next(&self, queue: Queue) -> Result<Option<Lease>> {
        const OLDEST: &str = "SELECT * FROM jobs WHERE status = 'queued' AND queue = ?1 \
             AND NOT EXISTS (SELECT 1 FROM leases WHERE job_id = jobs.id AND fence <> ?2) \
             AND NOT EXISTS (SELECT 1 FROM jobs other WHERE other.target = jobs.target \
                 AND (other.status IN ('running', 'interrupted') \
                      OR (other.status = 'queued' AND other.id < jobs.id))) \
             ORDER BY id LIMIT 1";
        let queue = crate::deployment::word(Some(queue));
        // Most looks find nothing; they need not stop other writers.
        let waiting = sqlx::query(OLDEST)
            .bind(&queue)
            .bind(self.fence)
            .fetch_optional(&mut *self.store.reader().await?)
            .await
            .map_err(doing("look for a job"))?;
        if waiting.is_none() {
            return Ok(None);
        }
        let mut write = self.store.write().await?;
        let rows = sqlx::query(OLDEST)
            .bind(&queue)
            .bind(self.fence)
            .fetch_all(&mut *write.transaction)
            .await
            .map_err(doing("look for a job"))?;
        let Some(job) = nouns::<Job>(&rows)?.into_iter().next() else {
            return Ok(None);
        };
        let lease = self.take(&mut write, job).await?;
        write.commit().await?;
        Ok(lease)
    }

    async fn take(&self, write: &mut Write, mut job: Job) -> Result<Option<Lease>> {
        let now = write.now();
        let holder: i64 = sqlx::query_scalar(
            "INSERT INTO leases (job_id, fence, taken_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (job_id) DO UPDATE SET taken_at = excluded.taken_at RETURNING fence",
        )
        .bind(job.id.to_string())
        .bind(self.fence)
        .bind(now.to_string())
        .fetch_one(&mut *write.transaction)
        .await
        .map_err(doing("take a lease"))?;
        if holder != self.fence {
            return Ok(None);
        }
        job.status = JobStatus::Running;
        job.started_at = Some(now);
        job.finished_at = None;
        write.put_job(&job).await?;
        Ok(Some(Lease {
            job_id: job.id,
            fence: self.fence,
        }))
    }

    /// Whether no other process is registered.
    pub async fn is_alone(&self) -> Result<bool> {
        sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM runners WHERE fence <> ?1)")
            .bind(self.fence)
            .fetch_one(&mut *self.store.reader().await?)
            .await
            .map_err(doing("look for other runners"))
    }

    /// Notes that this process is well, for those who look.
    pub async fn heartbeat(&self) -> Result<()> {
        sqlx::query("UPDATE runners SET heartbeat_at = ?2 WHERE fence = ?1")
            .bind(self.fence)
            .bind(self.store.now().to_string())
            .execute(&self.store.inner.writer)
            .await
            .map_err(doing("note a heartbeat"))?;
        Ok(())
    }

    /// Ends the registration in order; jobs that it still holds become interrupted.
    pub async fn leave(&self) -> Result<Vec<JobId>> {
        let mut write = self.store.write().await?;
        let interrupted = write.end_runner(self.fence).await?;
        write.commit().await?;
        remove(&self.store.runner_lock(self.fence)?);
        Ok(interrupted)
    }
}

impl Write {
    /// Makes sure that a lease still stands; everything else in this transaction rests on it.
    pub async fn hold(&mut self, lease: &Lease) -> Result<()> {
        let held: i64 =
            sqlx::query_scalar("SELECT count(*) FROM leases WHERE job_id = ?1 AND fence = ?2")
                .bind(lease.job_id.to_string())
                .bind(lease.fence)
                .fetch_one(&mut *self.transaction)
                .await
                .map_err(doing("check a lease"))?;
        if held == 0 {
            return Err(StoreError::LeaseLost {
                job: lease.job_id.to_string(),
            });
        }
        Ok(())
    }

    /// Keeps a place in line for a queued job, for the process that is registered by that number.
    /// Together with [`Write::enqueue`] no other process can take the job in between. Answers whether
    /// the place is its own.
    pub async fn keep_place(&mut self, job: JobId, fence: i64) -> Result<bool> {
        let now = self.now().to_string();
        let holder: i64 = sqlx::query_scalar(
            "INSERT INTO leases (job_id, fence, taken_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (job_id) DO UPDATE SET fence = fence RETURNING fence",
        )
        .bind(job.to_string())
        .bind(fence)
        .bind(now)
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(doing("keep a place in line"))?;
        Ok(holder == fence)
    }

    /// Gives a lease back.
    pub async fn release(&mut self, lease: &Lease) -> Result<()> {
        self.give_up_place(lease.job_id, lease.fence).await
    }

    async fn give_up_place(&mut self, job: JobId, fence: i64) -> Result<()> {
        sqlx::query("DELETE FROM leases WHERE job_id = ?1 AND fence = ?2")
            .bind(job.to_string())
            .bind(fence)
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("give a lease back"))?;
        Ok(())
    }

    /// Marks a job as cut off in the middle.
    pub async fn interrupt(&mut self, mut job: Job) -> Result<()> {
        job.status = JobStatus::Interrupted;
        job.error.get_or_insert_with(|| Failure {
            code: "interrupted".into(),
            message: "the process that worked on it ended in the middle".into(),
            evidence: Vec::new(),
            next_step: format!("Resume or undo the job {}.", job.id),
            retryable: false,
        });
        self.put_job(&job).await
    }

    async fn end_runner(&mut self, fence: i64) -> Result<Vec<JobId>> {
        let rows =
            sqlx::query("SELECT jobs.* FROM jobs JOIN leases ON job_id = id WHERE fence = ?1")
                .bind(fence)
                .fetch_all(&mut *self.transaction)
                .await
                .map_err(doing("find held jobs"))?;
        let mut interrupted = Vec::new();
        for job in nouns::<Job>(&rows)? {
            let id = job.id;
            if matches!(job.status, JobStatus::Running | JobStatus::Queued) {
                self.interrupt(job).await?;
                interrupted.push(id);
            }
            self.give_up_place(id, fence).await?;
        }
        sqlx::query("DELETE FROM runners WHERE fence = ?1")
            .bind(fence)
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("end a registration"))?;
        Ok(interrupted)
    }
}

fn remove(path: &std::path::Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "a lock file stays behind");
    }
}
