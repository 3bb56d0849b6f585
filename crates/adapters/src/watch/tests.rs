//! Real folders, watched by the real system.

use super::Watcher;
use plimsoll_engine::ports::{FolderNews, FolderWatch, FolderWatcher, Watched};
use std::{collections::BTreeSet, fs, path::Path, time::Duration};

async fn next(watch: &mut FolderWatch) -> FolderNews {
    tokio::time::timeout(Duration::from_secs(20), watch.news.recv())
        .await
        .unwrap()
        .unwrap()
}

/// Gathers news until all of these paths were told; answers all that was told.
async fn told(watch: &mut FolderWatch, wanted: &[&str]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    while !wanted.iter().all(|path| all.contains(*path)) {
        match next(watch).await {
            FolderNews::Changed(paths) => all.extend(paths),
            other => panic!("{other:?}"),
        }
    }
    all
}

fn write(root: &Path, path: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, path).unwrap();
}

#[tokio::test]
async fn what_happens_below_is_told_and_what_is_ignored_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, ".git/HEAD");
    write(root, "node_modules/a/index.js");
    write(root, "src/main.rs");
    write(root, "set/aside/file");
    fs::write(root.join(".gitignore"), "node_modules\n*.log\n").unwrap();
    let below = Watched::Below(String::new());
    let ignored = ["set/".to_owned(), "*.bin".to_owned()];
    let mut watch = Watcher.watch(root, &ignored, below).await.unwrap();
    write(root, "set/aside/file");
    write(root, "a.bin");
    write(root, "node_modules/a/index.js");
    write(root, ".git/index");
    write(root, "a.log");
    write(root, ".plimsoll-1-1.tmp");
    write(root, "src/main.rs");
    let seen = told(&mut watch, &["src/main.rs"]).await;
    assert_eq!(seen, BTreeSet::from(["src/main.rs".to_owned()]));
    fs::create_dir_all(root.join("new/deep")).unwrap();
    told(&mut watch, &["new"]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    write(root, "new/deep/file");
    told(&mut watch, &["new/deep/file"]).await;
    fs::rename(root.join("new/deep/file"), root.join("moved")).unwrap();
    told(&mut watch, &["new/deep/file", "moved"]).await;
}

#[tokio::test]
async fn a_part_of_the_folder_may_be_made_after_it_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let below = Watched::Below("a/canvas".to_owned());
    let mut watch = Watcher.watch(root, &[], below).await.unwrap();
    write(root, "other");
    fs::create_dir(root.join("a")).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    fs::create_dir(root.join("a/canvas")).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    write(root, "a/canvas/index.html");
    let seen = told(&mut watch, &["a/canvas/index.html"]).await;
    assert!(!seen.contains("other"), "{seen:?}");
}

#[tokio::test]
async fn only_the_folders_that_are_looked_at_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "a/x");
    write(root, "b/x");
    let only = |names: &[&str]| Watched::Only(names.iter().map(|&name| name.into()).collect());
    let mut watch = Watcher.watch(root, &[], only(&["", "a"])).await.unwrap();
    write(root, "b/x");
    write(root, "a/x");
    let seen = told(&mut watch, &["a/x"]).await;
    assert!(!seen.contains("b/x"), "{seen:?}");
    watch.watching.turn_to(only(&["b"])).await.unwrap();
    write(root, "a/x");
    write(root, "b/y");
    let seen = told(&mut watch, &["b/y"]).await;
    assert!(!seen.contains("a/x"), "{seen:?}");
}

#[tokio::test]
async fn a_folder_that_vanishes_is_told_and_so_is_its_coming_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    write(&root, "a");
    let below = Watched::Below(String::new());
    let mut watch = Watcher.watch(&root, &[], below.clone()).await.unwrap();
    let aside = folder.path().join("aside");
    fs::rename(&root, &aside).unwrap();
    while next(&mut watch).await != FolderNews::Gone {}
    fs::rename(&aside, &root).unwrap();
    while next(&mut watch).await != FolderNews::Everything {}
    write(&root, "b");
    told(&mut watch, &["b"]).await;
    let missing = Watcher.watch(&folder.path().join("none"), &[], below).await;
    assert_eq!(missing.err().unwrap().code(), "folder_gone");
}
