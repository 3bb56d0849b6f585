//! What is known about versions beside the database.

use super::{Desk, record};
use crate::files::{Files, RecordId, Records, momentary_name};
use plimsoll_domain::content::ContentHash;
use std::fs;

fn ids(numbers: &[u32]) -> Vec<RecordId> {
    let root = ContentHash::of(b"");
    let ids = numbers.iter().map(|number| record(root, *number));
    ids.map(|record| RecordId::from(&record.version)).collect()
}

#[tokio::test]
async fn a_record_says_what_was_written_until_it_is_removed() {
    let store = tempfile::tempdir().unwrap();
    let records = Records::of(store.path());
    assert_eq!(records.list().await.unwrap(), []);
    let root = ContentHash::of(b"tree");
    let (first, mut second) = (record(root, 1), record(root, 2));
    records.write(first.clone()).await.unwrap();
    records.write(second.clone()).await.unwrap();
    assert_eq!(records.list().await.unwrap(), ids(&[1, 2]));
    second.version.pinned = true;
    records.write(second.clone()).await.unwrap();
    let read = async |number| records.read(ids(&[number])[0]).await.unwrap();
    assert_eq!(read(1).await, Some(first));
    assert_eq!(read(2).await, Some(second));
    assert_eq!(read(3).await, None);

    records.lose(ids(&[1])[0]).await.unwrap();
    assert_eq!(records.list().await.unwrap(), ids(&[2]));
    assert_eq!(records.set_aside().await.unwrap(), ids(&[1]));
    records.take_up(ids(&[1])[0]).await.unwrap();
    records.remove(ids(&[1, 2, 3])).await.unwrap();
    assert_eq!(records.list().await.unwrap(), []);
    assert_eq!(records.set_aside().await.unwrap(), []);
}

#[tokio::test]
async fn a_damaged_record_is_none_and_a_foreign_file_is_not_listed() {
    let store = tempfile::tempdir().unwrap();
    let records = Records::of(store.path());
    let wanted = record(ContentHash::of(b"tree"), 1);
    records.write(wanted.clone()).await.unwrap();
    let folder = store.path().join("records");
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    let path = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "version"))
        .unwrap();
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(records.read(ids(&[1])[0]).await.unwrap(), None, "byte {at}");
        fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(
            records.read(ids(&[1])[0]).await.unwrap(),
            None,
            "cut at {at}"
        );
    }
    fs::write(&path, &whole).unwrap();
    // Under another version's name it says nothing about that one.
    let other = path.with_file_name(path.file_name().unwrap().to_str().unwrap().replace(
        &ids(&[1])[0].version.to_string(),
        &ids(&[2])[0].version.to_string(),
    ));
    fs::copy(&path, other).unwrap();
    assert_eq!(records.list().await.unwrap(), ids(&[1, 2]));
    assert_eq!(records.read(ids(&[1])[0]).await.unwrap(), Some(wanted));
    assert_eq!(records.read(ids(&[2])[0]).await.unwrap(), None);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_reads_a_record() {
    use std::os::unix::fs::PermissionsExt;
    let store = tempfile::tempdir().unwrap();
    let records = Records::of(store.path());
    records
        .write(record(ContentHash::of(b""), 1))
        .await
        .unwrap();
    let folder = store.path().join("records");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn what_a_cut_off_record_left_goes_at_the_next_opening() {
    let desk = Desk::new().await;
    desk.write("a", b"x");
    let saved = desk.save().await;
    let (records, mine) = (desk.files.records(), record(saved.root, 1));
    records.write(mine.clone()).await.unwrap();
    drop(saved);
    let left = format!("records/{}.growing", momentary_name());
    let left = desk.store.path().join(left);
    fs::write(&left, "half").unwrap();
    desk.files.close().await;
    let files = Files::open(desk.store.path()).await.unwrap();
    assert!(!left.exists());
    assert_eq!(files.records().list().await.unwrap(), ids(&[1]));
    assert!(files.knows(mine.version.root).await.unwrap());
}
