//! Lines and watchers: one job a target, others beside it, and everybody sees what happens.

use super::world::*;
use crate::jobs::JobEvent;
use futures::StreamExt;
use plimsoll_domain::{
    Secret,
    job::{JobStatus, OnFailure, StepStatus},
};
use std::{sync::atomic::Ordering, time::Duration};

#[tokio::test]
async fn jobs_on_one_target_never_overlap_and_others_run_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&[]);
    let (one, two) = (
        Process::start(folder.path(), maker(&world)).await,
        Process::start(folder.path(), maker(&world)).await,
    );
    let mut ids = Vec::new();
    for number in 0..6u32 {
        let mut plan = plan(number, if number % 2 == 0 { "web" } else { "db" }, &[]);
        // Side by side within a job is no overlap of jobs.
        for step in &mut plan.steps {
            step.action.name = format!("{}{number}", step.action.name);
            step.group = step.group * 2 + u32::from(step.action.name.starts_with('c'));
        }
        ids.push(put(&one.store, number, &plan, OnFailure::Undo).await);
    }
    one.runner.start();
    two.runner.start();
    for id in ids {
        assert_eq!(one.run(id).await, JobStatus::Succeeded);
    }
    assert_eq!(world.list().len(), 30);
    assert_eq!(world.most_on_one_target.load(Ordering::SeqCst), 1);
    assert_eq!(world.most_at_all.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_place_that_is_freed_is_taken_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&[]);
    let process = Process::start(folder.path(), maker(&world)).await;
    let mut ids = Vec::new();
    for number in 0..9u32 {
        let plan = plan(number, &format!("target-{number}"), &[]);
        ids.push(put(&process.store, number, &plan, OnFailure::Undo).await);
    }
    process.runner.start();
    // The looks that come anyway are a minute apart.
    tokio::time::timeout(Duration::from_secs(30), async {
        for id in ids {
            while process.job(id).await.status != JobStatus::Succeeded {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_second_process_waits_and_is_told_for_whom() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&[]);
    let first = Process::start(folder.path(), maker(&world)).await;
    let second = Process::start(folder.path(), maker(&world)).await;
    let waits = [("a", Manner::WaitsForTheWorld)];
    let busy = put(&first.store, 1, &plan(1, "web", &waits), OnFailure::Undo).await;
    first.runner.start();
    world.begun.notified().await;

    let next = put(&second.store, 2, &plan(2, "web", &[]), OnFailure::Undo).await;
    let runner = second.runner.clone();
    let run = tokio::spawn(async move { runner.run(next).await });
    let mut events = second.runner.watch(next).boxed();
    let told = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match events.next().await.unwrap().unwrap() {
                JobEvent::Waiting { on, process } => return (on.id, process),
                JobEvent::Job { .. }
                | JobEvent::Step { .. }
                | JobEvent::Log { .. }
                | JobEvent::Bytes { .. } => {}
            }
        }
    });
    let (on, process) = told.await.unwrap();
    assert_eq!(on, busy);
    assert!(process.unwrap().starts_with("ada@laptop, process "));
    assert_eq!(second.job(next).await.status, JobStatus::Queued);

    world.go_on.notify_one();
    assert_eq!(run.await.unwrap().unwrap().status, JobStatus::Succeeded);
    assert_eq!(first.job(busy).await.status, JobStatus::Succeeded);
}

#[tokio::test]
async fn a_job_behind_an_interrupted_one_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&[]);
    let first = Process::start(folder.path(), maker(&world)).await;
    let second = Process::start(folder.path(), maker(&world)).await;
    let hangs = [("a", Manner::Hangs)];
    let busy = put(&first.store, 1, &plan(1, "web", &hangs), OnFailure::Undo).await;
    first.runner.start();
    world.begun.notified().await;
    let next = put(&second.store, 2, &plan(2, "web", &[]), OnFailure::Undo).await;
    first.die().await;
    assert_eq!(second.run(next).await, JobStatus::Failed);
    let error = second.job(next).await.error.unwrap();
    assert_eq!(error.code, "target_interrupted");
    assert!(error.next_step.contains(&busy.to_string()));
}

#[tokio::test]
async fn a_watcher_sees_everything_in_order_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&[]);
    let process = Process::start(folder.path(), maker(&world)).await;
    process.redactor.learn(&Secret::new("making"));
    let manners = [("d", Manner::FailsAfter)];
    let id = put(
        &process.store,
        1,
        &plan(1, "web", &manners),
        OnFailure::Undo,
    )
    .await;
    let live = process.runner.watch(id).collect::<Vec<_>>();
    let (live, status) = tokio::join!(live, process.run(id));
    assert_eq!(status, JobStatus::Failed);
    let late: Vec<_> = process.runner.watch(id).collect().await;
    for events in [&live, &late] {
        let events: Vec<&JobEvent> = events.iter().map(|event| event.as_ref().unwrap()).collect();
        match events.last() {
            Some(JobEvent::Job { job }) => {
                assert_eq!(job.error.as_ref().unwrap().message, "after *** d");
            }
            other => panic!("{other:?} came last"),
        }
        let lines: Vec<&str> = events
            .iter()
            .filter_map(|event| match event {
                JobEvent::Log { line } => Some(line.text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[0], lines[3]), ("*** a", "*** d"));
        assert!(!serde_json::to_string(&events).unwrap().contains("making"));
    }
    let ended = |event: &JobEvent| match event {
        JobEvent::Step { step } => step.status == StepStatus::Undone,
        _ => false,
    };
    assert!(live.iter().flatten().any(ended));
    let pages = std::fs::read(folder.path().join("plimsoll.db")).unwrap();
    let log = std::fs::read(folder.path().join("plimsoll.db-wal")).unwrap_or_default();
    for bytes in [pages, log] {
        assert!(
            !bytes.windows(6).any(|window| window == b"making"),
            "a page has it"
        );
    }
}
