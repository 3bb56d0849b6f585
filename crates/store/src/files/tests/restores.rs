//! Putting a state back onto a disk that is not as it should be.

use super::{Desk, now};
use crate::files::{keeping::Keeping, momentary_name};
use plimsoll_domain::content::{self, ContentHash, Entry, Node};
use std::{fs, path::Path};
use tokio::runtime::Handle;

/// Keeps a tree that no save and no import would make: of files with their name in them.
async fn forged(desk: &Desk, paths: &'static [&'static str]) -> ContentHash {
    let (files, runtime) = (desk.files.clone(), Handle::current());
    let forge = move || {
        let keeping = Keeping::new(&files, runtime, now(), true).unwrap();
        let mut root = Vec::new();
        for path in paths {
            let hash = keeping.keep(path.as_bytes()).unwrap();
            let mut node = Node::File {
                size: path.len() as u64,
                hash,
                chunks: Vec::new(),
                executable: false,
            };
            let mut parts: Vec<&str> = path.split('/').collect();
            while parts.len() > 1 {
                let name = parts.pop().unwrap().to_owned();
                let tree = content::encode(&mut [Entry { name, node }]);
                node = Node::Folder {
                    tree: keeping.keep(&tree).unwrap(),
                    files: 1,
                    bytes: 0,
                };
            }
            let name = parts[0].to_owned();
            root.push(Entry { name, node });
        }
        let root = keeping.keep(&content::encode(&mut root)).unwrap();
        keeping.finish(None).unwrap();
        root
    };
    tokio::task::spawn_blocking(forge).await.unwrap()
}

async fn restore(desk: &Desk, present: Option<ContentHash>, wanted: ContentHash) -> Vec<String> {
    let place = desk.workspace.path();
    let restored = desk.files.restore(place, present, wanted, None);
    restored.await.unwrap().left
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_saved_is_never_written() {
    let desk = Desk::new().await;
    let root = forged(&desk, &[".git/config", ".Plimsoll/bin/x", "fine"]).await;
    let left = restore(&desk, None, root).await;
    assert_eq!(left.len(), 2, "{left:?}");
    let there: Vec<_> = desk.on_disk().into_keys().collect();
    assert_eq!(there, ["fine"]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_under_our_momentary_names_is_not_written_to() {
    let desk = Desk::new().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("target");
    fs::write(&target, "theirs").unwrap();
    let root = forged(&desk, &["a"]).await;
    // The names that come next in this process.
    let next = momentary_name();
    let (start, number) = next.strip_suffix(".tmp").unwrap().rsplit_once('-').unwrap();
    let number: u64 = number.parse().unwrap();
    for number in number..number + 50 {
        let planted = desk.workspace.path().join(format!("{start}-{number}.tmp"));
        std::os::unix::fs::symlink(&target, planted).unwrap();
    }
    assert_eq!(restore(&desk, None, root).await, Vec::<String>::new());
    assert_eq!(fs::read(desk.workspace.path().join("a")).unwrap(), b"a");
    assert_eq!(fs::read(&target).unwrap(), b"theirs");
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new().await;
    let place = desk.workspace.path().to_owned();
    let set = |name: &str, mode| {
        fs::set_permissions(place.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    desk.write(".env", b"SECRET=1");
    desk.write("run", b"#!/bin/sh\n");
    desk.write("script", b"one");
    set(".env", 0o600);
    set("run", 0o750);
    set("script", 0o700);
    let first = desk.save().await;
    desk.write(".env", b"SECRET=2");
    desk.write("script", b"two");
    set("run", 0o640);
    set("script", 0o600);
    let second = desk.save().await;
    let left = restore(&desk, Some(second.root), first.root).await;
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(fs::read(place.join(".env")).unwrap(), b"SECRET=1");
    assert_eq!(mode(&place.join(".env")), 0o600);
    assert_eq!(mode(&place.join("run")), 0o750);
    assert_eq!(mode(&place.join("script")), 0o700);
    // A new one has what the umask leaves, as any file that a program makes.
    fs::remove_file(place.join("run")).unwrap();
    fs::remove_file(place.join(".env")).unwrap();
    let third = desk.save().await;
    restore(&desk, Some(third.root), first.root).await;
    fs::write(place.join("plain"), "").unwrap();
    assert_eq!(mode(&place.join(".env")), mode(&place.join("plain")));
    let plain = mode(&place.join("plain"));
    assert_eq!(mode(&place.join("run")), plain | ((plain & 0o444) >> 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_files_than_a_batch_has_are_restored_and_leave_nothing_behind() {
    let desk = Desk::new().await;
    for index in 0..5_000u32 {
        desk.write(&format!("d{}/f{index}", index % 10), &index.to_le_bytes());
    }
    let first = desk.save().await;
    let before = desk.on_disk();
    for index in 0..4_500u32 {
        desk.write(&format!("d{}/f{index}", index % 10), b"changed");
    }
    fs::remove_dir_all(desk.workspace.path().join("d9")).unwrap();
    let second = desk.save().await;
    let left = restore(&desk, Some(second.root), first.root).await;
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(desk.on_disk(), before);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_disk_refuses_is_told_and_the_others_are_written() {
    let desk = Desk::new().await;
    let zip = desk.store.path().join("in.zip");
    let (long, folder) = ("n".repeat(300), format!("{}/x", "m".repeat(300)));
    let entries = [&long, &folder, "fine"].map(|name| super::raw_zip::Raw::file(name.as_bytes()));
    fs::write(&zip, super::raw_zip::archive(&entries)).unwrap();
    let imported = desk.files.import(&zip, now()).await.unwrap();
    let left = restore(&desk, None, imported.root).await;
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(desk.workspace.path().join("fine").exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_link_takes_the_place_of_a_file_and_the_file_comes_back() {
    let desk = Desk::new().await;
    let place = desk.workspace.path();
    desk.write("a", b"file");
    desk.write("target", b"not this one");
    let first = desk.save().await;
    fs::remove_file(place.join("a")).unwrap();
    std::os::unix::fs::symlink("target", place.join("a")).unwrap();
    let second = desk.save().await;
    let left = restore(&desk, Some(second.root), first.root).await;
    assert_eq!(left, Vec::<String>::new());
    assert!(place.join("a").symlink_metadata().unwrap().is_file());
    assert_eq!(fs::read(place.join("target")).unwrap(), b"not this one");
    let left = restore(&desk, Some(first.root), second.root).await;
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(fs::read_link(place.join("a")).unwrap(), Path::new("target"));
}
