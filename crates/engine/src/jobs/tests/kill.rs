//! The process is killed at every point there is; what is left resumes or is undone, both well.

use super::world::*;
use futures::future::join_all;
use plimsoll_domain::job::{JobStatus, OnFailure};
use std::path::Path;

/// What people do with an interrupted job.
#[derive(Clone, Copy)]
enum Then {
    Resume,
    Undo,
}

/// Kills a process at one of its points while it works on a job, and lets another one go on.
/// Answers how that ended, or `None` when the job ended before the point came.
async fn killed_at(
    folder: &Path,
    point: usize,
    manners: &[(&str, Manner)],
    then: Then,
) -> Option<(JobStatus, Vec<String>)> {
    // `c` is there already: it is not ours, so that no undo may take it.
    let world = World::with(&["c"]);
    let killer = Killer::at(point);
    let mut doomed = maker(&world);
    doomed.killer = Some(killer.clone());
    let process = Process::start(folder, doomed).await;
    let id = put(&process.store, 1, &plan(1, "web", manners), OnFailure::Undo).await;
    let survived = tokio::select! {
        biased;
        () = killer.dead.notified() => None,
        status = process.run(id) => Some(status),
    };
    process.die().await;
    if survived.is_some() {
        return None;
    }

    let process = Process::start(folder, maker(&world)).await;
    let found = process.job(id).await.status;
    let ended = match (found, then) {
        (JobStatus::Interrupted, Then::Resume) => {
            process.runner.resume(id).await.unwrap();
            process.run(id).await
        }
        (JobStatus::Interrupted, Then::Undo) => {
            process.runner.undo(id).await.unwrap();
            process.run(id).await
        }
        // Killed after its last write: it had ended.
        (status, _) => {
            assert!(status.is_final(), "{status:?} at point {point}");
            status
        }
    };
    process.die().await;
    Some((ended, world.list()))
}

/// What survives here is what was written, not what was synced; no disk has to wait for that.
fn folder_in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Tries every point, and answers how many there were.
async fn everywhere(
    manners: &[(&str, Manner)],
    then: Then,
    check: impl Fn(usize, JobStatus, Vec<String>),
) -> usize {
    const AT_ONCE: usize = 8;
    for first in (0..).step_by(AT_ONCE) {
        let killed = (first..first + AT_ONCE).map(|point| async move {
            let folder = folder_in_memory();
            killed_at(folder.path(), point, manners, then).await
        });
        for (point, ended) in (first..).zip(join_all(killed).await) {
            match ended {
                Some((status, things)) => check(point, status, things),
                None => return point,
            }
        }
    }
    0
}

const ALL: [&str; 5] = ["a", "b", "c", "d", "e"];
const OTHERS: [&str; 1] = ["c"];

#[tokio::test]
async fn killed_anywhere_a_job_resumes_and_does_nothing_twice() {
    let points = everywhere(&[], Then::Resume, |point, status, things| {
        assert_eq!(status, JobStatus::Succeeded, "killed at point {point}");
        assert_eq!(things, ALL, "killed at point {point}");
    })
    .await;
    assert!(points > 40, "only {points} points were tried");
}

#[tokio::test]
async fn killed_anywhere_a_job_is_undone_and_leaves_nothing_behind() {
    let points = everywhere(&[], Then::Undo, |point, status, things| match status {
        JobStatus::Cancelled => assert_eq!(things, OTHERS, "killed at point {point}"),
        JobStatus::Succeeded => assert_eq!(things, ALL, "killed after its end, {point}"),
        other => panic!("{other:?} when killed at point {point}"),
    })
    .await;
    assert!(points > 40, "only {points} points were tried");
}

#[tokio::test]
async fn killed_while_a_failure_is_undone_it_goes_on_undoing() {
    let manners = [("e", Manner::FailsProof)];
    let points = everywhere(&manners, Then::Resume, |point, status, things| {
        assert_eq!(status, JobStatus::Failed, "killed at point {point}");
        assert_eq!(things, OTHERS, "killed at point {point}");
    })
    .await;
    assert!(points > 60, "only {points} points were tried");
}

#[tokio::test]
async fn killed_again_and_again_a_job_still_gets_to_its_end_once() {
    for points in [12, 17] {
        let folder = folder_in_memory();
        let world = World::with(&[]);
        let manners = [("d", Manner::FailsForAWhile(1))];
        let plan = plan(1, "web", &manners);
        let process = Process::start(folder.path(), maker(&world)).await;
        let id = put(&process.store, 1, &plan, OnFailure::Undo).await;
        process.die().await;
        let mut deaths = 0;
        loop {
            let killer = Killer::at(points);
            let mut doomed = maker(&world);
            doomed.killer = Some(killer.clone());
            let process = Process::start(folder.path(), doomed).await;
            if process.job(id).await.status == JobStatus::Interrupted {
                process.runner.resume(id).await.unwrap();
            }
            let ended = tokio::select! {
                biased;
                () = killer.dead.notified() => None,
                status = process.run(id) => Some(status),
            };
            process.die().await;
            match ended {
                Some(status) => {
                    assert_eq!(status, JobStatus::Succeeded);
                    break;
                }
                None => deaths += 1,
            }
            assert!(deaths < 50, "it makes no headway");
        }
        assert!(deaths > 2, "only {deaths} deaths");
        assert_eq!(world.list(), ALL);
    }
}

#[tokio::test]
async fn a_job_that_was_only_waiting_when_its_process_died_is_interrupted_too() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&[]);
    let first = Process::start(folder.path(), maker(&world)).await;
    let waits = [("a", Manner::WaitsForTheWorld)];
    let busy = put(&first.store, 1, &plan(1, "web", &waits), OnFailure::Undo).await;
    let runner = first.runner.clone();
    let busy = tokio::spawn(async move { runner.run(busy).await });
    world.begun.notified().await;

    let second = Process::start(folder.path(), maker(&world)).await;
    let waiting = put(&second.store, 2, &plan(2, "web", &[]), OnFailure::Undo).await;
    let runner = second.runner.clone();
    let line = tokio::spawn(async move { runner.run(waiting).await });
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    line.abort();
    // The end of the task drops its clone of the runner.
    let _ = line.await;
    second.die().await;

    first.store.reap().await.unwrap();
    assert_eq!(first.job(waiting).await.status, JobStatus::Interrupted);
    world.go_on.notify_one();
    let busy = busy.await.unwrap().unwrap();
    assert_eq!(busy.status, JobStatus::Succeeded);
    first.runner.undo(waiting).await.unwrap();
    assert_eq!(first.run(waiting).await, JobStatus::Cancelled);
    assert_eq!(world.list(), ALL, "it had not begun, so nothing was undone");
}

#[tokio::test]
async fn an_orderly_end_leaves_an_interrupted_job_that_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&[]);
    let process = Process::start(folder.path(), maker(&world)).await;
    let waits = [("b", Manner::Waits)];
    let id = put(&process.store, 1, &plan(1, "web", &waits), OnFailure::Undo).await;
    process.runner.start();
    world.begun.notified().await;
    world.begun.notified().await;
    process.runner.close().await.unwrap();
    let job = process.job(id).await;
    assert_eq!(job.status, JobStatus::Interrupted);
    assert_eq!(job.error.unwrap().code, "interrupted");
    process.die().await;

    let process = Process::start(folder.path(), maker(&world)).await;
    process.runner.resume(id).await.unwrap();
    assert_eq!(process.run(id).await, JobStatus::Succeeded);
    assert_eq!(world.list(), ALL);
}

#[tokio::test]
async fn a_panic_interrupts_the_job_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&[]);
    let process = Process::start(folder.path(), maker(&world)).await;
    let plan = plan(1, "web", &[("d", Manner::Panics)]);
    let id = put(&process.store, 1, &plan, OnFailure::Undo).await;
    assert_eq!(process.run(id).await, JobStatus::Interrupted);
    process.runner.undo(id).await.unwrap();
    assert_eq!(process.run(id).await, JobStatus::Cancelled);
    assert_eq!(world.list(), Vec::<String>::new());
}
