//! The runner: takes jobs from their lines, one at a time a target, and never two for one.

use super::{
    Checkpoint, JobError, JobEvent, JobNews, Performer, follow,
    progress::LogWriter,
    watch::{Live, watch},
    work::Work,
};
use crate::{ports::Clock, redact::Redactor};
use futures::{FutureExt, Stream};
use plimsoll_domain::{
    JobId,
    job::{
        Direction, FIRST_BACKOFF_MS, HARD_LIMIT_MS, Job, JobStatus, MAX_RETRIES, Move, Queue,
        SOFT_LIMIT_MS, StepStatus,
    },
};
use plimsoll_store::{Lease, Registration, Store, StoreError};
use std::{
    collections::BTreeSet,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    sync::{Notify, OnceCell, OwnedSemaphorePermit, Semaphore, broadcast},
    task::JoinSet,
    time::MissedTickBehavior,
};

/// How often a job that waits for its turn is looked at, and how long a failed look is left alone.
const LOOK: Duration = Duration::from_millis(500);
/// How often lines are looked at when nothing that was written wakes the runner.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);
/// How often dead processes are looked for while there are others.
const REAP: Duration = Duration::from_secs(1);
/// How often this process says that it is well.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// All lines, and how many jobs of each may run side by side.
const LINES: [(Queue, usize); 4] = [
    (Queue::Deploy, 4),
    (Queue::Build, 2),
    (Queue::Default, 4),
    (Queue::Monitor, 2),
];

/// How long and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// After this long a job is asked to end, ms.
    pub soft_ms: u64,
    /// After this long it is cut off, ms. The undo that follows has as long.
    pub hard_ms: u64,
    /// Most retries of a step, for retryable failures.
    pub retries: u32,
    /// The pause before the first retry, ms; doubles each time.
    pub backoff_ms: u64,
    /// How long a step that was asked to end may go on before it is dropped.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            soft_ms: SOFT_LIMIT_MS,
            hard_ms: HARD_LIMIT_MS,
            retries: MAX_RETRIES,
            backoff_ms: FIRST_BACKOFF_MS,
            grace: Duration::from_secs(10),
        }
    }
}

/// What every job of a runner works with.
pub(super) struct Core<P: Performer> {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) redactor: Arc<Redactor>,
    pub(super) performer: Arc<P>,
    pub(super) limits: Limits,
    pub(super) log: LogWriter,
    pub(super) live: broadcast::Sender<Live>,
    checkpoint: Option<Checkpoint>,
}

impl<P: Performer> Core<P> {
    pub(super) async fn checkpoint(&self, point: &str) {
        if let Some(checkpoint) = &self.checkpoint {
            checkpoint(point).await;
        }
    }
}

/// Runs jobs in this process. Cloning is cheap; dropping the last clone stops all work at once, as
/// the end of the process would, and leaves its jobs to be found interrupted.
pub struct Runner<P: Performer> {
    shared: Arc<Shared<P>>,
}

struct Shared<P: Performer> {
    core: Arc<Core<P>>,
    /// Made with the first job: a process that only looks registers nowhere.
    registration: OnceCell<Registration>,
    lines: Vec<(Queue, Arc<Semaphore>)>,
    /// Told when a place in a line was freed.
    freed: Arc<Notify>,
    tasks: Mutex<JoinSet<()>>,
    /// What is being worked on now.
    working: Arc<Mutex<BTreeSet<JobId>>>,
}

impl<P: Performer> Clone for Runner<P> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<P: Performer> Runner<P> {
    /// A runner of this process. Jobs of processes that ended in the middle become interrupted
    /// first.
    pub async fn open(
        store: Store,
        clock: Arc<dyn Clock>,
        redactor: Arc<Redactor>,
        performer: Arc<P>,
    ) -> Result<Self, JobError> {
        Self::open_with(store, clock, redactor, performer, Limits::default(), None).await
    }

    /// Like [`Runner::open`], with other limits, and a checkpoint at which a test stops it.
    pub async fn open_with(
        store: Store,
        clock: Arc<dyn Clock>,
        redactor: Arc<Redactor>,
        performer: Arc<P>,
        limits: Limits,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self, JobError> {
        store.reap().await?;
        let core = Core {
            log: LogWriter::start(store.clone()),
            live: broadcast::Sender::new(256),
            store,
            clock,
            redactor,
            performer,
            limits,
            checkpoint,
        };
        let shared = Arc::new(Shared {
            core: Arc::new(core),
            registration: OnceCell::new(),
            lines: LINES
                .iter()
                .map(|(queue, most)| (*queue, Arc::new(Semaphore::new(*most))))
                .collect(),
            freed: Arc::new(Notify::new()),
            tasks: Mutex::new(JoinSet::new()),
            working: Arc::default(),
        });
        Ok(Self { shared })
    }

    /// Works on everything that is in line, until the runner is dropped.
    pub fn start(&self) {
        let work = take_jobs(Arc::downgrade(&self.shared));
        self.shared.spawn(work);
    }

    /// Sees a job to its end, in this process when it is the one to do it, and answers it as it is
    /// then: ended or interrupted. Waits for its turn on its target, also behind other processes.
    ///
    /// Dropping the future does not stop the job; [`Runner::cancel`] does.
    pub async fn run(&self, id: JobId) -> Result<Job, JobError> {
        let core = &self.shared.core;
        let mut written = core.store.written();
        loop {
            written.mark_unchanged();
            let job: Job = core.store.need(&id).await?;
            if job.status.is_final() || job.status == JobStatus::Interrupted {
                return Ok(job);
            }
            let registration = self.shared.registration().await?;
            if job.status == JobStatus::Queued && registration.adopt(id).await? {
                if let Some(blocker) = core.store.blocker(&job).await? {
                    if blocker.job.status == JobStatus::Interrupted {
                        self.refuse(job, &blocker.job).await?;
                        continue;
                    }
                } else if let Some(lease) = registration.claim(id).await? {
                    self.shared.work_on(lease, None);
                }
            }
            tokio::select! {
                _ = tokio::time::sleep(LOOK) => {}
                changed = written.changed() => {
                    if changed.is_err() {
                        tokio::time::sleep(LOOK).await;
                    }
                }
            }
        }
    }

    /// The number of this process's registration; it registers now when it has not yet.
    pub async fn number(&self) -> Result<i64, JobError> {
        Ok(self.shared.registration().await?.fence())
    }

    /// The number of this process's registration, if it has registered.
    pub fn number_now(&self) -> Option<i64> {
        let registration = self.shared.registration.get();
        registration.map(Registration::fence)
    }

    /// Whether this process works on a job now.
    pub fn works_on(&self, id: JobId) -> bool {
        locked(&self.shared.working).contains(&id)
    }

    /// What happened to a job and what happens, until it ends or is interrupted.
    pub fn watch(
        &self,
        id: JobId,
    ) -> impl Stream<Item = Result<JobEvent, JobError>> + Send + use<P> {
        let core = &self.shared.core;
        watch(core.store.clone(), id, core.live.subscribe())
    }

    /// How a job is, at once and whenever that changes, until it ends or is interrupted.
    pub fn follow(
        &self,
        id: JobId,
    ) -> impl Stream<Item = Result<JobNews, JobError>> + Send + use<P> {
        let core = &self.shared.core;
        follow::follow(core.store.clone(), id, core.live.subscribe())
    }

    /// Asks a job to stop; what it did is undone. One that has not begun never begins.
    pub async fn cancel(&self, id: JobId) -> Result<Job, JobError> {
        let store = &self.shared.core.store;
        let steps = store.steps(id).await?;
        let untouched = steps.iter().all(|step| step.status == StepStatus::Pending);
        self.change(id, Move::Cancel, |job| {
            if job.status == JobStatus::Running {
                job.cancel_requested = true;
            } else if untouched {
                job.status = JobStatus::Cancelled;
                job.error = None;
                job.finished_at = Some(store.now());
            } else {
                job.status = JobStatus::Queued;
                job.direction = Direction::Back;
            }
        })
        .await
    }

    /// Puts an interrupted job in line again; it goes on where it was, in the direction it had.
    pub async fn resume(&self, id: JobId) -> Result<Job, JobError> {
        self.change(id, Move::Resume, |job| {
            job.error = job.error.take().filter(|error| error.code != "interrupted");
            again(job, job.direction);
        })
        .await
    }

    /// Puts an interrupted or failed job in line to take back what it did.
    pub async fn undo(&self, id: JobId) -> Result<Job, JobError> {
        self.change(id, Move::Undo, |job| again(job, Direction::Back))
            .await
    }

    /// Puts a failed or cancelled job in line again: what is done stays done, the rest is tried.
    pub async fn retry(&self, id: JobId) -> Result<Job, JobError> {
        self.change(id, Move::Retry, |job| {
            job.error = None;
            again(job, Direction::Forward);
        })
        .await
    }

    /// Stops all work now; what was in the middle becomes interrupted. For the orderly end of a
    /// process.
    pub async fn close(&self) -> Result<(), JobError> {
        self.shared.end_tasks().await;
        self.shared.core.log.flush().await;
        self.shared.core.log.abort();
        if let Some(registration) = self.shared.registration.get() {
            registration.leave().await?;
        }
        Ok(())
    }

    /// Stops all work at once and says nothing to the store: what the end of a process looks like.
    #[cfg(test)]
    pub(super) async fn abandon(self) {
        self.shared.core.log.abort();
        self.shared.end_tasks().await;
    }

    async fn change(
        &self,
        id: JobId,
        wanted: Move,
        change: impl FnOnce(&mut Job),
    ) -> Result<Job, JobError> {
        let mut write = self.shared.core.store.write().await?;
        let mut job: Job = write.need(&id).await?;
        if !job.status.allows(wanted) {
            return Err(JobError::Store(StoreError::WrongStatus {
                job: id.to_string(),
                status: format!("{:?}", job.status).to_lowercase(),
                wanted: infinitive(wanted),
            }));
        }
        change(&mut job);
        write.put_job(&job).await?;
        write.commit().await?;
        Ok(job)
    }

    /// Ends a job that cannot begin because another one was interrupted on its target.
    async fn refuse(&self, job: Job, blocker: &Job) -> Result<(), JobError> {
        let error = StoreError::TargetInterrupted {
            job: blocker.id.to_string(),
            target: job.target.clone(),
        };
        let failure = crate::ports::PortError::from(error).0;
        let now = self.shared.core.clock.now();
        let mut write = self.shared.core.store.write().await?;
        let mut job: Job = write.need(&job.id).await?;
        if job.status == JobStatus::Queued {
            job.status = JobStatus::Failed;
            job.error = Some(*failure);
            job.finished_at = Some(now);
            write.put_job(&job).await?;
        }
        write.commit().await?;
        Ok(())
    }
}

fn again(job: &mut Job, direction: Direction) {
    job.status = JobStatus::Queued;
    job.direction = direction;
    job.cancel_requested = false;
    job.finished_at = None;
}

fn infinitive(wanted: Move) -> &'static str {
    match wanted {
        Move::Cancel => "be cancelled",
        Move::Resume => "be resumed",
        Move::Undo => "be undone",
        Move::Retry => "be retried",
    }
}

impl<P: Performer> Shared<P> {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    async fn end_tasks(&self) {
        let mut tasks = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        tasks.shutdown().await;
    }

    fn work_on(&self, lease: Lease, permit: Option<OwnedSemaphorePermit>) {
        let core = self.core.clone();
        let freed = self.freed.clone();
        let working = Working::on(lease.job_id, &self.working);
        self.spawn(async move {
            let _working = working;
            let done = AssertUnwindSafe(Work::run(core.clone(), lease.clone()))
                .catch_unwind()
                .await;
            let why = match done {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("a step panicked".to_owned()),
            };
            if let Some(why) = why {
                tracing::error!(job = %lease.job_id, why, "a job was cut off");
                if let Err(error) = interrupt(&core.store, &lease).await {
                    tracing::error!(job = %lease.job_id, %error, "and could not be marked so");
                }
            }
            drop(permit);
            // The job's last write came before, and found the line as full as it was.
            freed.notify_one();
        });
    }

    /// This process's registration; with it begins the looking for dead ones.
    async fn registration(self: &Arc<Self>) -> Result<&Registration, StoreError> {
        let register = || async {
            let store = &self.core.store;
            let process = format!("{}, process {}", store.author(), std::process::id());
            let registration = store.register(&process).await?;
            self.spawn(keep(Arc::downgrade(self)));
            Ok(registration)
        };
        self.registration.get_or_try_init(register).await
    }

    /// Takes every job that can begin now.
    async fn take_all(self: &Arc<Self>) -> Result<(), StoreError> {
        let registration = self.registration().await?;
        for (queue, line) in &self.lines {
            while let Ok(permit) = line.clone().try_acquire_owned() {
                match registration.claim_next(*queue).await? {
                    Some(lease) => self.work_on(lease, Some(permit)),
                    None => break,
                }
            }
        }
        Ok(())
    }
}

/// Says that a job is being worked on, until it is dropped.
struct Working {
    id: JobId,
    all: Arc<Mutex<BTreeSet<JobId>>>,
}

impl Working {
    fn on(id: JobId, all: &Arc<Mutex<BTreeSet<JobId>>>) -> Self {
        locked(all).insert(id);
        Self {
            id,
            all: all.clone(),
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        locked(&self.all).remove(&self.id);
    }
}

fn locked(all: &Mutex<BTreeSet<JobId>>) -> std::sync::MutexGuard<'_, BTreeSet<JobId>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn interrupt(store: &Store, lease: &Lease) -> Result<(), StoreError> {
    let mut write = store.write().await?;
    write.hold(lease).await?;
    let job: Job = write.need(&lease.job_id).await?;
    write.interrupt(job).await?;
    write.release(lease).await?;
    write.commit().await?;
    Ok(())
}

async fn take_jobs<P: Performer>(runner: Weak<Shared<P>>) {
    loop {
        let Some(shared) = runner.upgrade() else {
            return;
        };
        let mut written = shared.core.store.written();
        written.mark_unchanged();
        let freed = shared.freed.clone();
        let mut pause = LOOK_ANYWAY;
        if let Err(error) = shared.take_all().await {
            tracing::warn!(%error, "the lines could not be looked at");
            pause = LOOK;
        }
        drop(shared);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = freed.notified() => {}
            // An error means that the store is closing; the next look finds out.
            changed = written.changed() => match changed {
                Ok(()) => tokio::task::yield_now().await,
                Err(_) => tokio::time::sleep(LOOK).await,
            },
        }
    }
}

/// Says that this process is well, and finds those that are not.
async fn keep<P: Performer>(runner: Weak<Shared<P>>) {
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The registration was the first.
    heartbeat.tick().await;
    let mut due = false;
    loop {
        tokio::time::sleep(REAP).await;
        let Some(shared) = runner.upgrade() else {
            return;
        };
        match shared.core.store.reap().await {
            Ok(jobs) => {
                for job in jobs {
                    tracing::warn!(%job, "a job was interrupted: its process ended");
                }
            }
            Err(error) => tracing::warn!(%error, "dead processes could not be looked for"),
        }
        let Some(registration) = shared.registration.get() else {
            continue;
        };
        due |= heartbeat.tick().now_or_never().is_some();
        if due {
            due = false;
            if let Err(error) = registration.heartbeat().await {
                tracing::warn!(%error, "a heartbeat could not be written");
            }
        }
        let mut written = shared.core.store.written();
        let alone = registration.is_alone().await.unwrap_or(false);
        drop(shared);
        // Who is alone waits for company: a process that registers writes that down.
        if alone {
            tokio::select! {
                _ = heartbeat.tick() => due = true,
                _ = written.changed() => {}
            }
        }
    }
}
