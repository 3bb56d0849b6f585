//! Bad days: a cause each, and nothing lost.

use super::{Desk, now, prune};
use crate::{
    StoreError,
    files::{Progress, pack::pack_path, packs_in},
};
use plimsoll_domain::content::Node;
use std::{
    fs,
    sync::{Arc, atomic::Ordering},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_ignore_files_name_is_left_out_and_never_touched_by_a_restore() {
    let desk = Desk::new().await;
    desk.write(".gitignore", b"*.log\n");
    desk.write(".plimsollignore", b"secret/\n");
    desk.write("a.txt", b"one");
    desk.write("debug.log", b"noise");
    desk.write("secret/key", b"k");
    desk.write(".git/HEAD", b"ref");
    desk.write(".plimsoll/bin/x", b"x");
    let first = desk.save().await;
    let names: Vec<String> = desk.saved(first.root).await.into_keys().collect();
    assert_eq!(names, [".gitignore", ".plimsollignore", "a.txt"]);
    desk.write("a.txt", b"two");
    let second = desk.save().await;
    let place = desk.workspace.path();
    let done = desk
        .files
        .restore(place, Some(second.root), first.root, None)
        .await
        .unwrap();
    assert_eq!((done.written, done.removed), (1, 0));
    assert_eq!(fs::read(place.join("a.txt")).unwrap(), b"one");
    for kept in ["debug.log", "secret/key", ".git/HEAD", ".plimsoll/bin/x"] {
        assert!(place.join(kept).exists(), "{kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_save_reads_only_what_was_touched_and_grows_by_that() {
    let desk = Desk::new().await;
    for index in 0..300 {
        desk.write(
            &format!("d{}/f{index}", index % 7),
            format!("content {index}").as_bytes(),
        );
    }
    desk.save().await;
    // Files that were touched within the tick of a file system are read again, once.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    desk.save().await;
    desk.write("d3/f3", b"changed");
    let progress = Arc::new(Progress::default());
    let saved = desk
        .files
        .save(desk.workspace.path(), &[], now(), &progress)
        .await
        .unwrap();
    assert_eq!(progress.files.load(Ordering::Relaxed), 300);
    assert_eq!(progress.bytes_read.load(Ordering::Relaxed), 7);
    assert!(saved.added_bytes < 6_000, "{}", saved.added_bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_folder_comes_back_where_a_file_took_its_place() {
    let desk = Desk::new().await;
    let place = desk.workspace.path();
    fs::create_dir(place.join("later")).unwrap();
    let first = desk.save().await;
    fs::remove_dir(place.join("later")).unwrap();
    desk.write("later", b"a file for once");
    let second = desk.save().await;
    let restored = desk
        .files
        .restore(place, Some(second.root), first.root, None)
        .await
        .unwrap();
    assert_eq!(restored.left, Vec::<String>::new());
    assert!(place.join("later").is_dir());
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_folders_give_way_to_the_file_that_stood_in_their_place() {
    let desk = Desk::new().await;
    let place = desk.workspace.path();
    desk.write("a", b"one");
    let first = desk.save().await;
    fs::remove_file(place.join("a")).unwrap();
    fs::create_dir_all(place.join("a/b/c")).unwrap();
    let second = desk.save().await;
    let restored = desk
        .files
        .restore(place, Some(second.root), first.root, None)
        .await
        .unwrap();
    assert_eq!(restored.left, Vec::<String>::new());
    assert_eq!(fs::read(place.join("a")).unwrap(), b"one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_changed_since_it_was_saved_is_left_alone() {
    let desk = Desk::new().await;
    desk.write("a", b"one");
    desk.write("b", b"one");
    let first = desk.save().await;
    desk.write("a", b"two");
    desk.write("b", b"two");
    let second = desk.save().await;
    desk.write("a", b"not saved");
    let place = desk.workspace.path();
    let done = desk
        .files
        .restore(place, Some(second.root), first.root, None)
        .await
        .unwrap();
    assert_eq!(done.left, ["a: it was changed since it was saved"]);
    assert_eq!(fs::read(place.join("a")).unwrap(), b"not saved");
    assert_eq!(fs::read(place.join("b")).unwrap(), b"one");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_never_writes_through_a_link_that_leads_elsewhere() {
    let desk = Desk::new().await;
    let elsewhere = tempfile::tempdir().unwrap();
    desk.write("d/a", b"one");
    let first = desk.save().await;
    fs::remove_dir_all(desk.workspace.path().join("d")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), desk.workspace.path().join("d")).unwrap();
    let place = desk.workspace.path();
    let done = desk
        .files
        .restore(place, None, first.root, None)
        .await
        .unwrap();
    assert_eq!(done.written, 0);
    assert_eq!(done.left.len(), 1, "{:?}", done.left);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_vanished_is_told_and_nothing_is_saved() {
    let desk = Desk::new().await;
    let gone = desk.workspace.path().join("unplugged");
    let error = desk
        .files
        .save(&gone, &[], now(), &Arc::new(Progress::default()))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::WorkspaceGone { .. }), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_no_unicode_is_named_and_nothing_is_saved() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new().await;
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::write(desk.workspace.path().join(name), b"x").unwrap();
    let progress = Arc::new(Progress::default());
    let error = desk
        .files
        .save(desk.workspace.path(), &[], now(), &progress)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no Unicode"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_pack_hurts_only_what_lies_in_it_and_is_repaired_from_the_workspace() {
    let desk = Desk::new().await;
    desk.write("old", b"only here");
    let first = desk.save().await;
    desk.write("new", b"somewhere else");
    let second = desk.save().await;
    let packs = packs_in(&desk.store.path().join("packs")).unwrap();
    let whole = desk
        .files
        .check(&[first.root, second.root], true)
        .await
        .unwrap();
    assert!(whole.is_whole() && whole.packs == 2, "{whole:?}");
    // The pack that holds the content of `old`, which is longer than its tree's header.
    let needle = b"only here";
    let hurt = packs
        .iter()
        .map(|name| pack_path(&desk.store.path().join("packs"), name))
        .find(|path| {
            fs::read(path)
                .unwrap()
                .windows(needle.len())
                .any(|window| window == needle)
        });
    let hurt = hurt.unwrap();
    let mut bytes = fs::read(&hurt).unwrap();
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap();
    bytes[at] ^= 1;
    fs::write(&hurt, bytes).unwrap();
    let check = desk
        .files
        .check(&[first.root, second.root], true)
        .await
        .unwrap();
    assert_eq!(check.damaged_packs.len(), 1);
    assert_eq!(check.hurt.len(), 2);
    assert!(
        check.hurt.iter().all(|hurt| hurt.paths == ["old"]),
        "{:?}",
        check.hurt
    );
    let node = desk.files.find(second.root, "new").await.unwrap().unwrap();
    assert_eq!(
        desk.files.content(node, 100).await.unwrap(),
        b"somewhere else"
    );
    let node = desk.files.find(second.root, "old").await.unwrap().unwrap();
    let error = desk.files.content(node, 100).await.unwrap_err();
    assert!(
        matches!(error, StoreError::DamagedContent { .. }),
        "{error}"
    );
    drop((first.guard, second.guard));

    assert_eq!(desk.files.mend(&[], 0).await.unwrap().struck, 1);
    let again = desk.save().await;
    assert_eq!(again.root, second.root);
    let node = desk.files.find(first.root, "old").await.unwrap().unwrap();
    assert_eq!(desk.files.content(node, 100).await.unwrap(), b"only here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_of_which_a_little_changed_costs_a_little() {
    let desk = Desk::new().await;
    let mut bytes = vec![0; 12 << 20];
    blake3::Hasher::new()
        .update(b"x")
        .finalize_xof()
        .fill(&mut bytes);
    desk.write("large", &bytes);
    let first = desk.save().await;
    assert!(first.added_bytes > 12 << 20);
    bytes.splice(5_000_000..5_000_000, *b"inserted");
    desk.write("large", &bytes);
    let second = desk.save().await;
    assert!(second.added_bytes < 8 << 20, "{}", second.added_bytes);
    let node = desk
        .files
        .find(second.root, "large")
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(&node, Node::File { chunks, .. } if chunks.len() > 3));
    assert_eq!(desk.files.content(node, u64::MAX).await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_again_after_everything_was_pruned_can_be_read() {
    let desk = Desk::new().await;
    desk.write("a", b"content");
    desk.save().await;
    // From here on the file counts as seen and untouched.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    desk.save().await;
    prune(&desk.files, &[], 0).await;
    let again = desk.save().await;
    assert_eq!(desk.saved(again.root).await, desk.on_disk());
}
