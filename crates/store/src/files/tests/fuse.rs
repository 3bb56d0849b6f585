//! Kills a process at the n-th moment that matters, and a test that does so at each.

use super::{Desk, Model, content_of, now, prune, record};
use crate::files::{Files, Progress, RecordId};
use plimsoll_domain::content::ContentHash;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

static LEFT: AtomicI64 = AtomicI64::new(-1);

/// One moment is over; at the last one the process is gone.
pub(in crate::files) fn burn() {
    if LEFT.load(Ordering::Relaxed) >= 0 && LEFT.fetch_sub(1, Ordering::Relaxed) == 0 {
        std::process::abort();
    }
}

/// What the killed process does; called by its parent only.
#[tokio::test(flavor = "multi_thread")]
async fn is_killed_at_the_moment_that_its_parent_names() {
    let (Some(moment), Some(place)) = (env::var_os("FUSE"), env::var_os("FUSE_PLACE")) else {
        return;
    };
    let place = PathBuf::from(place);
    let files = Files::open(&place.join("store")).await.unwrap();
    LEFT.store(moment.to_str().unwrap().parse().unwrap(), Ordering::Relaxed);
    if env::var_os("FUSE_PRUNE").is_some() {
        let keep: ContentHash = fs::read_to_string(place.join("keep"))
            .unwrap()
            .parse()
            .unwrap();
        prune(&files, &[keep], 0).await;
        let gone = RecordId::from(&record(keep, 1).version);
        files.records().remove(vec![gone]).await.unwrap();
        // A second pruning, a week later, deletes what the first one condemned.
        prune(&files, &[keep], 7 * 86_400_000).await;
    } else {
        let workspace = place.join("workspace");
        let saved = files
            .save(&workspace, &[], now(), &Arc::new(Progress::default()))
            .await
            .unwrap();
        // Twice: it is named, too.
        let mut recorded = record(saved.root, 2);
        files.records().write(recorded.clone()).await.unwrap();
        recorded.version.pinned = true;
        files.records().write(recorded).await.unwrap();
    }
    fs::write(place.join("done"), "").unwrap();
}

/// Does the same in a process that is killed at a moment; answers whether it ended by itself.
fn killed_at(moment: i64, place: &Path, prune: bool) -> bool {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "files::tests::fuse::is_killed_at_the_moment_that_its_parent_names",
        ])
        .env("FUSE", moment.to_string())
        .env("FUSE_PLACE", place);
    if prune {
        command.env("FUSE_PRUNE", "yes");
    }
    let _ = command.output().unwrap();
    place.join("done").exists()
}

/// The states that have a record, in the order of their numbers.
async fn recorded(files: &Files) -> Vec<ContentHash> {
    let mut states = Vec::new();
    for id in files.records().list().await.unwrap() {
        let record = files.records().read(id).await.unwrap();
        states.push(record.unwrap().version.root);
    }
    states
}

fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new()
        .update(&[seed])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

async fn grown(moment: i64) -> (tempfile::TempDir, ContentHash, Model) {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("workspace/a")).unwrap();
    let workspace = place.path().join("workspace");
    let files = Files::open(&place.path().join("store")).await.unwrap();
    fs::write(workspace.join("a/first"), noise(1, 5_000)).unwrap();
    fs::write(workspace.join("large"), noise(2, 3_000_000)).unwrap();
    // It stays, so that the first pack is mostly waste and not all of it.
    fs::write(workspace.join("a/stays"), noise(4, 30_000)).unwrap();
    let first = files
        .save(&workspace, &[], now(), &Arc::new(Progress::default()))
        .await
        .unwrap();
    let model = content_of(&files, first.root).await;
    files.records().write(record(first.root, 1)).await.unwrap();
    fs::write(workspace.join("a/first"), noise(3, 6_000)).unwrap();
    fs::write(workspace.join("b"), noise(moment as u8, 70_000)).unwrap();
    (place, first.root, model)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_write_of_a_save_leaves_every_saved_version_readable() {
    for moment in 0.. {
        assert!(moment < 100, "the save never ends");
        let (place, first, model) = grown(moment).await;
        let ended = killed_at(moment, place.path(), false);
        let files = Files::open(&place.path().join("store")).await.unwrap();
        assert_eq!(content_of(&files, first).await, model, "killed at {moment}");
        assert!(
            files.check(&[first], true).await.unwrap().is_whole(),
            "killed at {moment}"
        );
        // Whatever has a record can be read: what the database does not know comes back whole.
        let recorded = recorded(&files).await;
        assert_eq!(recorded[0], first, "killed at {moment}");
        assert!(recorded.len() == 2 || !ended, "killed at {moment}");
        let check = files.check(&recorded, true).await.unwrap();
        assert!(check.is_whole(), "killed at {moment}");
        // The next save works, and what was left behind goes with the next pruning.
        let workspace = place.path().join("workspace");
        let again = files
            .save(&workspace, &[], now(), &Arc::new(Progress::default()))
            .await
            .unwrap();
        let (root, now) = (again.root, content_of(&files, again.root).await);
        drop(again);
        prune(&files, &[root], 0).await;
        assert_eq!(content_of(&files, root).await, now, "killed at {moment}");
        let left = fs::read_dir(place.path().join("store/packs")).unwrap();
        let growing = left.filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|end| end == "growing")
        });
        assert_eq!(growing.count(), 0, "killed at {moment}");
        if ended {
            assert!(moment > 5, "the fuse was never burned");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_write_of_a_pruning_leaves_what_is_kept_readable() {
    for moment in 0.. {
        assert!(moment < 100, "the pruning never ends");
        let (place, _, _) = grown(moment).await;
        let workspace = place.path().join("workspace");
        fs::remove_file(workspace.join("large")).unwrap();
        let kept = {
            let files = Files::open(&place.path().join("store")).await.unwrap();
            files
                .save(&workspace, &[], now(), &Arc::new(Progress::default()))
                .await
                .unwrap()
                .root
        };
        {
            let files = Files::open(&place.path().join("store")).await.unwrap();
            files.records().write(record(kept, 2)).await.unwrap();
        }
        fs::write(place.path().join("keep"), kept.to_string()).unwrap();
        let ended = killed_at(moment, place.path(), true);
        let files = Files::open(&place.path().join("store")).await.unwrap();
        assert!(
            files.check(&[kept], true).await.unwrap().is_whole(),
            "killed at {moment}"
        );
        let mut expected = Model::new();
        super::gather(&workspace, "", &mut expected);
        assert_eq!(
            content_of(&files, kept).await,
            expected,
            "killed at {moment}"
        );
        let recorded = recorded(&files).await;
        assert_eq!(recorded.last(), Some(&kept), "killed at {moment}");
        if ended {
            assert_eq!(recorded.len(), 1, "what was let go comes back");
            assert!(moment > 2, "the fuse was never burned");
            assert!(
                files.bytes().await.unwrap() < 1_000_000,
                "the large file is still there"
            );
            return;
        }
    }
}

#[tokio::test]
async fn a_fuse_that_is_not_lit_burns_nothing() {
    let desk = Desk::new().await;
    desk.write("a", b"x");
    desk.save().await;
}
