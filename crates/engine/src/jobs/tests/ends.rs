//! How jobs end: well, badly, cancelled, too late.

use super::world::*;
use crate::jobs::{JobError, Limits};
use plimsoll_domain::{
    ServerId,
    job::{FIRST_BACKOFF_MS, HARD_LIMIT_MS, JobStatus, OnFailure, SOFT_LIMIT_MS, StepStatus},
};
use plimsoll_store::StoreError;
use serde_json::json;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

struct Ended {
    _folder: tempfile::TempDir,
    process: Process,
    world: Arc<World>,
    clock: Arc<FakeClock>,
    id: plimsoll_domain::JobId,
    status: JobStatus,
}

/// Runs one job to its end in a world where `c` is there already.
async fn run(manners: &[(&str, Manner)], on_failure: OnFailure) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&["c"]);
    let maker = maker(&world);
    let clock = maker.clock.clone();
    let process = Process::start(folder.path(), maker).await;
    let id = put(&process.store, 1, &plan(1, "web", manners), on_failure).await;
    let status = process.run(id).await;
    Ended {
        _folder: folder,
        process,
        world,
        clock,
        id,
        status,
    }
}

#[tokio::test]
async fn a_job_does_its_steps_and_skips_what_is_done() {
    let ended = run(&[], OnFailure::Undo).await;
    assert_eq!(ended.status, JobStatus::Succeeded);
    assert_eq!(ended.world.list(), ["a", "b", "c", "d", "e"]);
    let steps = ended.process.steps(ended.id).await;
    use StepStatus::{Done, Skipped};
    let statuses: Vec<_> = steps.iter().map(|step| step.status).collect();
    assert_eq!(statuses, [Done, Done, Skipped, Done, Done]);
    assert_eq!(steps[2].output, json!({"made": "c"}));
    assert!(steps.iter().all(|step| step.finished_at.is_some()));
    let job = ended.process.job(ended.id).await;
    assert!(job.started_at.is_some() && job.finished_at.is_some() && job.error.is_none());
}

#[tokio::test]
async fn whichever_step_fails_nothing_is_left_behind() {
    for manner in [Manner::FailsBefore, Manner::FailsAfter, Manner::FailsProof] {
        for step in ["a", "b", "d", "e"] {
            let ended = run(&[(step, manner)], OnFailure::Undo).await;
            assert_eq!(ended.status, JobStatus::Failed, "{step} {manner:?}");
            assert_eq!(ended.world.list(), ["c"], "{step} {manner:?}");
            let job = ended.process.job(ended.id).await;
            let code = if manner == Manner::FailsProof {
                "unproved"
            } else {
                "broken"
            };
            assert_eq!(job.error.unwrap().code, code);
        }
    }
}

#[tokio::test]
async fn undos_run_last_first_and_know_what_was_made() {
    let ended = run(&[("d", Manner::FailsProof)], OnFailure::Undo).await;
    let undone = ended.world.undone_with.lock().unwrap().clone();
    let output = |name: &str| Some(json!({"made": name}));
    assert_eq!(
        undone,
        [
            ("d".into(), output("d")),
            ("b".into(), output("b")),
            ("a".into(), output("a"))
        ]
    );
    use StepStatus::{Pending, Skipped, Undone};
    assert_eq!(
        ended.process.statuses(ended.id).await,
        [Undone, Undone, Skipped, Undone, Pending]
    );
}

#[tokio::test]
async fn what_failed_in_passing_is_tried_again_after_longer_and_longer_pauses() {
    let ended = run(&[("d", Manner::FailsForAWhile(3))], OnFailure::Undo).await;
    assert_eq!(ended.status, JobStatus::Succeeded);
    let slept = ended.clock.slept.lock().unwrap().clone();
    assert_eq!(
        slept,
        [FIRST_BACKOFF_MS, 2 * FIRST_BACKOFF_MS, 4 * FIRST_BACKOFF_MS]
    );
    assert_eq!(ended.process.steps(ended.id).await[3].attempt, 4);
    let log = ended
        .process
        .store
        .logs(ended.id, Some(3), 0, 100)
        .await
        .unwrap();
    assert!(
        log.iter()
            .any(|line| line.text.contains("trying again in 120 s (retry 2 of 3)"))
    );

    let ended = run(&[("d", Manner::FailsForAWhile(4))], OnFailure::Undo).await;
    assert_eq!(ended.status, JobStatus::Failed);
    assert_eq!(ended.world.list(), ["c"]);
    assert_eq!(ended.clock.slept.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn what_cannot_pass_is_not_tried_again() {
    let ended = run(&[("d", Manner::FailsBefore)], OnFailure::Undo).await;
    assert_eq!(ended.process.steps(ended.id).await[3].attempt, 1);
    assert_eq!(ended.clock.slept.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_job_that_keeps_is_retried_from_the_failed_step() {
    let ended = run(&[("d", Manner::FailsForAWhile(4))], OnFailure::Keep).await;
    assert_eq!(ended.status, JobStatus::Failed);
    assert_eq!(ended.world.list(), ["a", "b", "c"]);
    use StepStatus::{Done, Failed, Pending, Skipped};
    assert_eq!(
        ended.process.statuses(ended.id).await,
        [Done, Done, Skipped, Failed, Pending]
    );
    ended.process.runner.retry(ended.id).await.unwrap();
    assert_eq!(ended.process.run(ended.id).await, JobStatus::Succeeded);
    assert_eq!(ended.world.list(), ["a", "b", "c", "d", "e"]);
    let attempts = ended.process.steps(ended.id).await;
    assert_eq!((attempts[0].attempt, attempts[1].attempt), (1, 1));
}

#[tokio::test]
async fn a_job_that_was_undone_is_retried_from_the_beginning() {
    let ended = run(&[("e", Manner::FailsForAWhile(4))], OnFailure::Undo).await;
    assert_eq!(
        (ended.status, ended.world.list()),
        (JobStatus::Failed, vec!["c".into()])
    );
    ended.process.runner.retry(ended.id).await.unwrap();
    assert_eq!(ended.process.run(ended.id).await, JobStatus::Succeeded);
    assert_eq!(ended.world.list(), ["a", "b", "c", "d", "e"]);
    assert_eq!(ended.process.job(ended.id).await.error, None);
}

#[tokio::test]
async fn an_undo_that_fails_is_told_and_can_be_repeated() {
    let manners = [("b", Manner::StaysForAWhile(1)), ("e", Manner::FailsBefore)];
    let ended = run(&manners, OnFailure::Undo).await;
    assert_eq!(ended.status, JobStatus::Failed);
    assert_eq!(
        ended.world.list(),
        ["b", "c"],
        "the others were undone all the same"
    );
    let error = ended.process.job(ended.id).await.error.unwrap();
    assert_eq!(error.code, "broken", "the cause stays the cause");
    assert_eq!(error.evidence, ["not undone: Make b: it stays"]);
    assert!(error.next_step.contains("undo the job"));
    assert_eq!(
        ended.process.statuses(ended.id).await[1],
        StepStatus::UndoFailed
    );

    ended.process.runner.undo(ended.id).await.unwrap();
    assert_eq!(ended.process.run(ended.id).await, JobStatus::Failed);
    assert_eq!(ended.world.list(), ["c"]);
}

async fn cancelled(manner: Manner) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&["c"]);
    let process = Process::start(folder.path(), maker(&world)).await;
    let elsewhere = Process::start(folder.path(), maker(&world)).await;
    let id = put(
        &process.store,
        1,
        &plan(1, "web", &[("d", manner)]),
        OnFailure::Undo,
    )
    .await;
    process.runner.start();
    while process.statuses(id).await[3] != StepStatus::Running {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    elsewhere.runner.cancel(id).await.unwrap();
    assert_eq!(elsewhere.run(id).await, JobStatus::Cancelled, "{manner:?}");
    assert_eq!(world.list(), ["c"], "{manner:?}");
    assert_eq!(process.job(id).await.error, None);
}

#[tokio::test]
async fn a_job_is_cancelled_from_another_process_in_the_middle_of_a_step() {
    cancelled(Manner::Waits).await;
}

#[tokio::test]
async fn a_step_that_does_not_heed_a_cancellation_is_dropped_and_undone() {
    cancelled(Manner::Hangs).await;
}

#[tokio::test]
async fn who_cancels_waits_once_for_a_server_that_does_not_answer_and_is_told_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&["c"]);
    let maker = maker(&world);
    let clock = maker.clock.clone();
    let process = Process::start(folder.path(), maker).await;
    let mut plan = plan(1, "web", &[("d", Manner::Waits)]);
    for step in &mut plan.steps {
        step.server_id = Some(ServerId::mint(process.store.now(), [7; 10]));
    }
    let id = put(&process.store, 1, &plan, OnFailure::Undo).await;
    process.runner.start();
    while process.statuses(id).await[3] != StepStatus::Running {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.is_silent.store(true, Ordering::SeqCst);
    process.runner.cancel(id).await.unwrap();
    assert_eq!(process.run(id).await, JobStatus::Failed);
    assert_eq!(world.asked_in_vain.load(Ordering::SeqCst), 2);
    assert_eq!(*clock.slept.lock().unwrap(), [5_000]);
    let error = process.job(id).await.error.unwrap();
    let left = ["d", "b", "a"].map(|name| format!("not undone: Make {name}: no answer"));
    assert_eq!(error.evidence, left);
    assert!(error.next_step.contains("undo the job"), "{error:?}");

    // With patience, and a server that is back, everything goes.
    world.is_silent.store(false, Ordering::SeqCst);
    process.runner.undo(id).await.unwrap();
    process.run(id).await;
    assert_eq!(world.list(), ["c"]);
}

#[tokio::test]
async fn a_job_that_has_not_begun_never_begins_once_it_is_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&[]);
    let process = Process::start(folder.path(), maker(&world)).await;
    let id = put(&process.store, 1, &plan(1, "web", &[]), OnFailure::Undo).await;
    process.runner.cancel(id).await.unwrap();
    assert_eq!(process.run(id).await, JobStatus::Cancelled);
    assert_eq!(world.list(), Vec::<String>::new());
}

#[tokio::test]
async fn what_has_ended_cannot_be_cancelled_resumed_or_undone() {
    let ended = run(&[], OnFailure::Undo).await;
    let runner = &ended.process.runner;
    for answer in [
        runner.cancel(ended.id).await,
        runner.resume(ended.id).await,
        runner.undo(ended.id).await,
        runner.retry(ended.id).await,
    ] {
        match answer {
            Err(JobError::Store(StoreError::WrongStatus { status, .. })) => {
                assert_eq!(status, "succeeded");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Runs a job whose fourth step never ends by itself, and pushes the clock.
async fn limited(manner: Manner, grace: Duration, ms: u64) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(&["c"]);
    let maker = maker(&world);
    let clock = maker.clock.clone();
    let limits = Limits {
        grace,
        ..Limits::default()
    };
    let process = Process::start_with(folder.path(), maker, limits).await;
    let id = put(
        &process.store,
        1,
        &plan(1, "web", &[("d", manner)]),
        OnFailure::Undo,
    )
    .await;
    process.runner.start();
    while process.statuses(id).await[3] != StepStatus::Running {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    clock.push(SOFT_LIMIT_MS - 60_000);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(process.job(id).await.status, JobStatus::Running, "not yet");
    clock.push(ms - (SOFT_LIMIT_MS - 60_000));
    assert_eq!(process.run(id).await, JobStatus::Failed);
    assert_eq!(process.job(id).await.error.unwrap().code, "job_time_limit");
    assert_eq!(world.list(), ["c"]);
}

#[tokio::test]
async fn after_55_minutes_a_job_is_asked_to_end() {
    limited(Manner::Waits, Duration::from_secs(1_000), SOFT_LIMIT_MS).await;
}

#[tokio::test]
async fn after_an_hour_a_job_is_cut_off() {
    limited(Manner::Hangs, Duration::from_secs(1_000), HARD_LIMIT_MS).await;
}
