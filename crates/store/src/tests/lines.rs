//! Lines of jobs, leases on them, and their logs.

use super::world::*;
use crate::{Lease, LogPolicy, NewLine, StoreError};
use plimsoll_domain::job::{Job, JobStatus, Queue};

async fn status(store: &crate::Store, job: &Job) -> JobStatus {
    store.need::<Job>(&job.id).await.unwrap().status
}

#[tokio::test]
async fn two_jobs_on_one_target_are_never_held_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(folder.path()).await, open(folder.path()).await);
    let (a, b) = (
        one.register("one").await.unwrap(),
        two.register("two").await.unwrap(),
    );
    let (first, second, elsewhere) = (job(1, "web"), job(2, "web"), job(3, "db"));
    for job in [&first, &second, &elsewhere] {
        enqueue(&one, job).await.unwrap();
    }
    let lease = a.claim(first.id).await.unwrap().unwrap();
    assert_eq!(b.claim(second.id).await.unwrap(), None);
    let blocker = two.blocker(&second).await.unwrap().unwrap();
    assert_eq!(
        (blocker.job.id, blocker.process.as_deref()),
        (first.id, Some("one"))
    );
    let other = b.claim_next(Queue::Deploy).await.unwrap().unwrap();
    assert_eq!(other.job_id, elsewhere.id, "another target does not wait");

    end(&one, &lease).await;
    assert!(b.claim(second.id).await.unwrap().is_some());
}

async fn end(store: &crate::Store, lease: &Lease) {
    let mut write = store.write().await.unwrap();
    write.hold(lease).await.unwrap();
    let mut job: Job = write.need(&lease.job_id).await.unwrap();
    job.status = JobStatus::Succeeded;
    write.put_job(&job).await.unwrap();
    write.release(lease).await.unwrap();
    write.commit().await.unwrap();
}

#[tokio::test]
async fn a_place_in_line_is_kept_for_the_process_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (a, b) = (
        store.register("a").await.unwrap(),
        store.register("b").await.unwrap(),
    );
    let job = job(1, "web");
    enqueue(&store, &job).await.unwrap();
    assert!(a.adopt(job.id).await.unwrap());
    assert!(!b.adopt(job.id).await.unwrap());
    assert_eq!(b.claim(job.id).await.unwrap(), None);
    assert_eq!(b.claim_next(Queue::Deploy).await.unwrap(), None);
    assert!(a.claim(job.id).await.unwrap().is_some());
}

#[tokio::test]
async fn jobs_of_a_dead_process_are_interrupted_and_those_of_a_living_one_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (dead, living) = (
        store.register("dead").await.unwrap(),
        store.register("b").await.unwrap(),
    );
    let (ran, waited, runs) = (job(1, "a"), job(2, "a"), job(3, "b"));
    for job in [&ran, &waited, &runs] {
        enqueue(&store, job).await.unwrap();
    }
    let lease = dead.claim(ran.id).await.unwrap().unwrap();
    assert!(dead.adopt(waited.id).await.unwrap());
    living.claim(runs.id).await.unwrap().unwrap();
    assert_eq!(store.reap().await.unwrap(), [], "both are alive");

    drop(dead);
    assert_eq!(store.reap().await.unwrap(), [ran.id, waited.id]);
    assert_eq!(status(&store, &ran).await, JobStatus::Interrupted);
    assert_eq!(status(&store, &waited).await, JobStatus::Interrupted);
    assert_eq!(status(&store, &runs).await, JobStatus::Running);
    let mut write = store.write().await.unwrap();
    assert!(
        matches!(write.hold(&lease).await, Err(StoreError::LeaseLost { .. })),
        "whoever still holds the old lease can write nothing"
    );
}

/// Where the process that is to be killed works.
const DOOMED: &str = "PLIMSOLL_TEST_DOOMED_FOLDER";

/// Not a test by itself: the process that the next one kills.
#[tokio::test]
async fn a_process_that_holds_a_job_until_it_is_killed() {
    let Some(folder) = std::env::var_os(DOOMED) else {
        return;
    };
    let store = open(std::path::Path::new(&folder)).await;
    let registration = store.register("doomed").await.unwrap();
    registration.claim(job(1, "web").id).await.unwrap().unwrap();
    std::future::pending().await
}

#[tokio::test]
async fn a_job_of_a_killed_process_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let held = job(1, "web");
    enqueue(&store, &held).await.unwrap();
    let mut doomed = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::lines::a_process_that_holds_a_job_until_it_is_killed",
        ])
        .env(DOOMED, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while status(&store, &held).await != JobStatus::Running {
        assert_eq!(doomed.try_wait().unwrap(), None, "it ended by itself");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(store.reap().await.unwrap(), [], "it lives");
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    assert_eq!(store.reap().await.unwrap(), [held.id]);
    assert_eq!(status(&store, &held).await, JobStatus::Interrupted);
}

#[tokio::test]
async fn nothing_begins_on_a_target_whose_last_job_was_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let first = job(1, "web");
    enqueue(&store, &first).await.unwrap();
    let dead = store.register("dead").await.unwrap();
    dead.claim(first.id).await.unwrap().unwrap();
    drop(dead);
    store.reap().await.unwrap();
    match enqueue(&store, &job(2, "web")).await {
        Err(StoreError::TargetInterrupted { job, .. }) => assert_eq!(job, first.id.to_string()),
        other => panic!("{other:?}"),
    }
    enqueue(&store, &job(3, "elsewhere")).await.unwrap();
}

#[tokio::test]
async fn a_log_keeps_its_newest_lines_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let job = job(1, "web");
    enqueue(&store, &job).await.unwrap();
    let policy = LogPolicy {
        lines_of_job: 100,
        days: 90,
    };
    for batch in 0..5u32 {
        let lines: Vec<NewLine> = (0..50u32)
            .map(|n| NewLine {
                job_id: job.id,
                step: n % 2,
                at: at(batch * 50 + n),
                stream: "build".into(),
                text: format!("line {}", batch * 50 + n + 1),
            })
            .collect();
        store.append_lines(&lines, &policy).await.unwrap();
    }
    let kept = store.logs(job.id, None, 0, 1_000).await.unwrap();
    assert_eq!(kept.len(), 100);
    assert_eq!((kept[0].seq, kept[0].text.as_str()), (151, "line 151"));
    assert!(kept.is_sorted_by(|a, b| a.seq + 1 == b.seq));
    let of_step = store.logs(job.id, Some(1), 200, 3).await.unwrap();
    assert_eq!(
        of_step.iter().map(|line| line.seq).collect::<Vec<_>>(),
        [202, 204, 206]
    );
    let tail = store.log_tail(job.id, None, 2).await.unwrap();
    assert_eq!(
        tail.iter().map(|line| line.seq).collect::<Vec<_>>(),
        [249, 250]
    );
    assert_eq!(
        store.prune_logs(&policy).await.unwrap(),
        0,
        "the job has not ended"
    );
}

#[tokio::test]
async fn logs_of_jobs_that_ended_long_ago_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut job = job(1, "web");
    enqueue(&store, &job).await.unwrap();
    job.status = JobStatus::Succeeded;
    job.finished_at = Some(at(0).plus_ms(-91 * 24 * 3_600_000));
    let mut write = store.write().await.unwrap();
    write.put_job(&job).await.unwrap();
    write.commit().await.unwrap();
    let line = NewLine {
        job_id: job.id,
        step: 0,
        at: at(0),
        stream: "build".into(),
        text: "x".into(),
    };
    store
        .append_lines(&[line], &LogPolicy::default())
        .await
        .unwrap();
    assert_eq!(store.prune_logs(&LogPolicy::default()).await.unwrap(), 1);
}
