//! What runs now: counted in the tray, asked about when the window is closed, and told by a
//! notification when it ends behind somebody's back.

use crate::{tray, views::RunningJob, window};
use plimsoll_domain::{
    JobId,
    job::{Job, JobStatus},
};
use plimsoll_engine::{AnyRow, ChangedRow, Engine};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tauri::{AppHandle, Manager};
use tauri_plugin_notification::NotificationExt;

/// Who waits for less than this watches; who waits for longer does something else, ms.
const LONG_MS: i64 = 10_000;

/// The jobs that run, by id, with their titles. Managed by Tauri.
#[derive(Default)]
pub struct Activity(Mutex<BTreeMap<JobId, String>>);

impl Activity {
    /// Begins anew with these.
    pub fn begin(&self, running: Vec<Job>) {
        *self.lock() = running.into_iter().map(|job| (job.id, job.title)).collect();
    }

    /// What runs, wherever it does, oldest first.
    pub fn running(&self) -> Vec<RunningJob> {
        self.those(|_| true)
    }

    /// What runs in this process, oldest first.
    pub fn running_in(&self, engine: &Engine) -> Vec<RunningJob> {
        self.those(|id| engine.works_on(id))
    }

    fn those(&self, wanted: impl Fn(JobId) -> bool) -> Vec<RunningJob> {
        let jobs = self.lock();
        let wanted = jobs.iter().filter(|(id, _)| wanted(**id));
        wanted
            .map(|(id, title)| RunningJob {
                id: (*id).into(),
                title: title.clone(),
            })
            .collect()
    }

    /// Takes a job's row; answers whether anything that runs began or ended.
    fn take(&self, job: &Job) -> bool {
        let mut jobs = self.lock();
        if job.status == JobStatus::Running {
            jobs.insert(job.id, job.title.clone()).is_none()
        } else {
            jobs.remove(&job.id).is_some()
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<JobId, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at what changed.
pub fn seen(app: &AppHandle, rows: &[ChangedRow]) {
    let activity = app.state::<Activity>();
    let mut moved = false;
    for row in rows {
        let Some(AnyRow::Job(job)) = &row.now else {
            continue;
        };
        let was_running = activity.take(job);
        moved |= was_running;
        if was_running
            && let Some(text) = told_at_end(job)
            && !window::is_in_front(app)
        {
            let notification = app.notification().builder().title(&job.title).body(text);
            if let Err(error) = notification.show() {
                tracing::info!("a notification could not be shown: {error}");
            }
        }
    }
    if moved {
        show(app);
    }
}

/// Shows in the tray how much runs.
pub fn show(app: &AppHandle) {
    tray::count(app, app.state::<Activity>().running().len());
}

/// What a notification says of a job that has ended, when it took long.
fn told_at_end(job: &Job) -> Option<&'static str> {
    let text = match job.status {
        JobStatus::Queued | JobStatus::Running => return None,
        JobStatus::Succeeded => "Done.",
        JobStatus::Failed => "It failed. Open Plimsoll to see why.",
        JobStatus::Cancelled => "It was cancelled, and what it did was undone.",
        JobStatus::Interrupted => "It was interrupted. Open Plimsoll to resume or undo it.",
    };
    let took = job.finished_at.zip(job.started_at);
    let long = took.is_none_or(|(end, start)| end.since_ms(start) >= LONG_MS);
    long.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::{
        PlanId, Timestamp,
        job::{Direction, OnFailure, Queue},
    };

    fn job(status: JobStatus, took_ms: i64) -> Job {
        let begun = Timestamp::from_millis(1_790_000_000_000);
        Job {
            id: JobId::mint(begun, [1; 10]),
            plan_id: PlanId::mint(begun, [2; 10]),
            queue: Queue::Deploy,
            target: "t".into(),
            title: "Deploy web".into(),
            status,
            direction: Direction::Forward,
            on_failure: OnFailure::Undo,
            cancel_requested: false,
            error: None,
            created_at: begun,
            started_at: Some(begun),
            finished_at: Some(begun.plus_ms(took_ms)),
        }
    }

    #[test]
    fn only_the_end_of_a_long_job_is_told() {
        assert_eq!(told_at_end(&job(JobStatus::Succeeded, 9_999)), None);
        assert_eq!(
            told_at_end(&job(JobStatus::Succeeded, 10_000)),
            Some("Done.")
        );
        assert_eq!(told_at_end(&job(JobStatus::Running, 60_000)), None);
        assert!(told_at_end(&job(JobStatus::Failed, 60_000)).is_some());
    }

    #[test]
    fn what_runs_is_counted_from_its_begin_to_its_end() {
        let activity = Activity::default();
        assert!(!activity.take(&job(JobStatus::Queued, 0)));
        assert!(activity.take(&job(JobStatus::Running, 0)));
        assert!(
            !activity.take(&job(JobStatus::Running, 0)),
            "a step of it moved"
        );
        assert_eq!(activity.running()[0].title, "Deploy web");
        assert!(activity.take(&job(JobStatus::Interrupted, 0)));
        assert!(activity.running().is_empty());
    }

    #[test]
    fn closing_asks_about_no_job_of_another_process() {
        let activity = Activity::default();
        let job = job(JobStatus::Running, 0);
        activity.take(&job);
        assert!(activity.those(|id| id != job.id).is_empty());
        assert_eq!(activity.those(|id| id == job.id).len(), 1);
    }
}
