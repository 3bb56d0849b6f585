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
async fn a_job_whose_place_is_kept_from_the_beginning_is_free_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (a, b) = (
        store.register("a").await.unwrap(),
        store.register("b").await.unwrap(),
    );
    let job = job(1, "web");
    let mut write = store.write().await.unwrap();
    write.put_plan(&plan(0)).await.unwrap();
    write.enqueue(&job, &[step(&job)]).await.unwrap();
    assert!(write.keep_place(job.id, a.fence()).await.unwrap());
    assert!(!write.keep_place(job.id, b.fence()).await.unwrap());
    write.commit().await.unwrap();
    assert_eq!(b.claim_next(Queue::Deploy).await.unwrap(), None);
    let lease = a.claim_next(Queue::Deploy).await.unwrap().unwrap();
    assert_eq!(lease.job_id, job.id);
    let registered = store.registered().await.unwrap();
    assert_eq!(registered[&a.fence()], "a");
    // Who waited and is gone leaves it interrupted, for somebody to decide.
    a.leave().await.unwrap();
    assert_eq!(status(&store, &job).await, JobStatus::Interrupted);
}

#[tokio::test]
async fn a_commit_of_another_process_is_heard_and_an_own_one_once() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(folder.path()).await, open(folder.path()).await);
    let mut heard = one.written();
    let wait = std::time::Duration::from_secs(5);
    // The first look rings for whatever was there before.
    tokio::time::timeout(wait, heard.changed())
        .await
        .unwrap()
        .unwrap();
    furnish(&two).await;
    tokio::time::timeout(wait, heard.changed())
        .await
        .unwrap()
        .unwrap();

    heard.mark_unchanged();
    let mut write = one.write().await.unwrap();
    write.put(&project(9)).await.unwrap();
    write.commit().await.unwrap();
    assert!(heard.has_changed().unwrap(), "at once");
    heard.mark_unchanged();
    let looks = std::time::Duration::from_millis(1_200);
    assert!(
        tokio::time::timeout(looks, heard.changed()).await.is_err(),
        "looks do not hear what this process wrote"
    );
}

#[tokio::test]
async fn a_process_knows_whether_it_is_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(folder.path()).await, open(folder.path()).await);
    let a = one.register("one").await.unwrap();
    assert!(a.is_alone().await.unwrap());
    let b = two.register("two").await.unwrap();
    assert!(!a.is_alone().await.unwrap() && !b.is_alone().await.unwrap());
    b.leave().await.unwrap();
    assert!(a.is_alone().await.unwrap());
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

async fn logged(store: &crate::Store, count: u32, steps: u32) -> Job {
    let job = job(1, "web");
    enqueue(store, &job).await.unwrap();
    let policy = LogPolicy::default();
    let numbers: Vec<u32> = (0..count).collect();
    for batch in numbers.chunks(5_000) {
        let lines: Vec<NewLine> = batch
            .iter()
            .map(|n| NewLine {
                job_id: job.id,
                step: n % steps,
                at: at(*n),
                stream: "build".into(),
                text: format!("Line {n} of 100%_done"),
            })
            .collect();
        store.append_lines(&lines, &policy).await.unwrap();
    }
    job
}

#[tokio::test]
async fn any_window_of_a_log_is_found_by_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let job = logged(&store, 900, 3).await;
    let size = store.log_size(job.id, None).await.unwrap();
    assert_eq!((size.first, size.total), (0, 900));
    let size = store.log_size(job.id, Some(2)).await.unwrap();
    assert_eq!((size.first, size.total), (0, 300));
    let whole = store.log_window(job.id, None, 450, 2).await.unwrap();
    assert_eq!(whole[0].text, "Line 450 of 100%_done");
    let step = store.log_window(job.id, Some(2), 299, 5).await.unwrap();
    assert_eq!(step.len(), 1);
    assert_eq!(step[0].text, "Line 899 of 100%_done");
    let none = store.log_size(job.id, Some(9)).await.unwrap();
    assert_eq!((none.first, none.total), (0, 0));
}

#[tokio::test]
async fn a_text_is_found_in_a_log_in_both_directions() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let job = logged(&store, 900, 3).await;
    let search = |step, text: &'static str, from, older| {
        let store = store.clone();
        async move {
            store
                .log_search(job.id, step, text, from, older)
                .await
                .unwrap()
        }
    };
    assert_eq!(search(None, "line 450 ", 0, false).await, Some(450));
    assert_eq!(search(None, "line 450 ", 451, false).await, None);
    assert_eq!(search(None, "LINE 4", 899, true).await, Some(499));
    assert_eq!(search(Some(0), "line 450 ", 0, false).await, Some(150));
    assert_eq!(search(Some(1), "line 450 ", 0, false).await, None);
    assert_eq!(
        search(None, "100%_", 5, false).await,
        Some(5),
        "a text, no pattern"
    );
    assert_eq!(search(None, "1000", 0, false).await, None);
}

#[tokio::test]
async fn a_search_goes_on_where_lines_were_dropped_and_ends_where_the_log_does() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let job = logged(&store, 9_000, 2).await;
    let policy = LogPolicy {
        lines_of_job: 8_000,
        days: 90,
    };
    let last = NewLine {
        job_id: job.id,
        step: 1,
        at: at(9_000),
        stream: "build".into(),
        text: "The end".into(),
    };
    store.append_lines(&[last], &policy).await.unwrap();
    let search = |step, text: &'static str, from, older| {
        let store = store.clone();
        async move {
            store
                .log_search(job.id, step, text, from, older)
                .await
                .unwrap()
        }
    };
    // Over several pieces, from a line that is no longer kept, in both directions.
    assert_eq!(search(None, "the end", 0, false).await, Some(9_000));
    assert_eq!(search(Some(1), "the end", 0, false).await, Some(4_500));
    assert_eq!(search(Some(0), "the end", 0, false).await, None);
    assert_eq!(search(Some(0), "line 1002 ", 4_499, true).await, Some(501));
    assert_eq!(search(None, "line 1002 ", 9_000, true).await, Some(1_002));
    assert_eq!(
        search(None, "line 1000 ", 9_000, true).await,
        None,
        "dropped"
    );
    assert_eq!(
        search(None, "line", 9_001, false).await,
        None,
        "past the end"
    );
    assert_eq!(
        search(None, "line", 5, true).await,
        None,
        "before the first"
    );
}
