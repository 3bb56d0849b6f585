//! Damage, backups, migrations, several processes.

use super::world::*;
use crate::StoreError;
use plimsoll_domain::project::Project;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use std::{fs, path::Path};

async fn with_a_project(folder: &Path, number: u32) {
    let store = open(folder).await;
    let mut write = store.write().await.unwrap();
    write.put(&project(number)).await.unwrap();
    write.commit().await.unwrap();
    store.close().await;
}

/// Overwrites all pages but the first: what a dying disk may do.
fn damage(database: &Path) {
    let mut bytes = fs::read(database).unwrap();
    bytes[4096..].fill(0xa5);
    fs::write(database, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_database_is_kept_aside_and_the_newest_good_backup_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("plimsoll.db");
    with_a_project(folder.path(), 1).await;
    let store = open(folder.path()).await;
    let good = store.back_up().await.unwrap();
    store.close().await;
    drop(store);
    let bad = folder
        .path()
        .join("backups/2999-01-01T00-00-00.000Z-1-regular.db");
    fs::copy(&good, &bad).unwrap();
    damage(&bad);
    damage(&database);

    match try_open(folder.path(), "d").await {
        Err(StoreError::Corrupt {
            kept_aside,
            restored_from,
            ..
        }) => {
            assert!(kept_aside.unwrap().exists());
            assert_eq!(restored_from, Some(good));
        }
        other => panic!("{:?}", other.err()),
    }
    let store = open(folder.path()).await;
    assert_eq!(store.all::<Project>().await.unwrap(), [project(1)]);
}

#[tokio::test]
async fn a_full_disk_refuses_a_write_and_takes_the_next_one_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let set = |sql: &'static str| sqlx::raw_sql(sql).execute(&store.inner.writer);
    set("PRAGMA max_page_count = 1").await.unwrap();
    let mut refused = None;
    for number in 1..2_000 {
        let mut write = store.write().await.unwrap();
        let done = async {
            write.put(&project(number)).await?;
            write.commit().await
        };
        if let Err(error) = done.await {
            refused = Some(error);
            break;
        }
    }
    assert_eq!(refused.expect("it became full").code(), "store_disk_full");
    let before = store.all::<Project>().await.unwrap().len();
    // Whether the connection was replaced or not: there is room from now on.
    let _ = set("PRAGMA max_page_count = 4294967294").await;
    let mut write = store.write().await.unwrap();
    write.put(&project(2_000)).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(store.all::<Project>().await.unwrap().len(), before + 1);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_kept_aside_too() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("plimsoll.db"),
        "not a database".repeat(1_000),
    )
    .unwrap();
    match try_open(folder.path(), "d").await {
        Err(StoreError::Corrupt { restored_from, .. }) => assert_eq!(restored_from, None),
        other => panic!("{:?}", other.err()),
    }
    let store = open(folder.path()).await;
    assert_eq!(store.all::<Project>().await.unwrap(), []);
}

/// A store with one project in its database and in a backup; answers the backup.
async fn with_a_backup(folder: &Path) -> std::path::PathBuf {
    with_a_project(folder, 1).await;
    let store = open(folder).await;
    let good = store.back_up().await.unwrap();
    store.close().await;
    good
}

#[tokio::test]
async fn however_a_database_was_damaged_it_is_kept_and_the_backup_takes_its_place() {
    type Harm = fn(&mut Vec<u8>);
    let harms: [(&str, Harm); 4] = [
        ("cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
        ("cut inside a page", |bytes| bytes.truncate(6_000)),
        ("no byte left", Vec::clear),
        ("a page's head flipped", |bytes| {
            let pages = bytes.len() / 4_096;
            for page in 1..pages {
                bytes[page * 4_096] ^= 0xff;
                bytes[page * 4_096 + 3] ^= 0x5a;
            }
        }),
    ];
    for (name, harm) in harms {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("plimsoll.db");
        let good = with_a_backup(folder.path()).await;
        let mut bytes = fs::read(&database).unwrap();
        harm(&mut bytes);
        fs::write(&database, &bytes).unwrap();
        match try_open(folder.path(), "d").await {
            Err(StoreError::Corrupt {
                kept_aside: Some(kept_aside),
                restored_from,
                ..
            }) => {
                let kept = fs::read(kept_aside).unwrap();
                assert!(kept.starts_with(&bytes), "{name}: it was changed");
                assert_eq!(restored_from, Some(good), "{name}");
            }
            other => panic!("{name}: {:?}", other.err()),
        }
        let store = open(folder.path()).await;
        assert_eq!(
            store.all::<Project>().await.unwrap(),
            [project(1)],
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_database_that_is_gone_comes_back_from_its_backup_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let good = with_a_backup(folder.path()).await;
    fs::remove_file(folder.path().join("plimsoll.db")).unwrap();
    match try_open(folder.path(), "d").await {
        Err(StoreError::Corrupt {
            kept_aside: None,
            restored_from,
            evidence,
        }) => {
            assert_eq!(restored_from, Some(good));
            assert_eq!(evidence, "the file is gone");
        }
        other => panic!("{:?}", other.err()),
    }
    let store = open(folder.path()).await;
    assert_eq!(store.all::<Project>().await.unwrap(), [project(1)]);
}

#[tokio::test]
async fn an_empty_file_without_a_backup_is_told_before_an_empty_store_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plimsoll.db"), "").unwrap();
    match try_open(folder.path(), "d").await {
        Err(error @ StoreError::Corrupt { .. }) => {
            assert!(error.next_step().contains("There was no backup"));
        }
        other => panic!("{:?}", other.err()),
    }
    open(folder.path()).await;
}

#[tokio::test]
async fn another_database_takes_the_place_of_one_that_nobody_has_open() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    with_a_project(folder.path(), 1).await;
    with_a_project(elsewhere.path(), 2).await;
    let other = elsewhere.path().join("plimsoll.db");

    let no_store = elsewhere.path().join("no-store");
    fs::write(&no_store, "not a database".repeat(1_000)).unwrap();
    let refused = crate::Store::replace(folder.path(), &no_store, at(5)).await;
    assert!(matches!(refused, Err(StoreError::BadBackup { .. })));

    let kept = crate::Store::replace(folder.path(), &other, at(5)).await;
    let kept = kept.unwrap().unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.all::<Project>().await.unwrap(), [project(2)]);
    store.close().await;
    // The first one comes back from where it was kept.
    crate::Store::replace(folder.path(), &kept, at(6))
        .await
        .unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.all::<Project>().await.unwrap(), [project(1)]);
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_finished_at_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("plimsoll.db");
    with_a_project(folder.path(), 1).await;
    fs::rename(&database, folder.path().join("plimsoll.db.restoring")).unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.all::<Project>().await.unwrap(), [project(1)]);
}

#[tokio::test]
async fn an_opening_backs_up_once_an_hour_and_only_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let count = || fs::read_dir(folder.path().join("backups")).unwrap().count();
    let open_after = |hours: i64| {
        let folder = folder.path().to_owned();
        let start = ticking();
        async move {
            let now = std::sync::Arc::new(move || start().plus_ms(hours * 3_600_000));
            let opening = crate::Opening {
                folder,
                new_device: "d".into(),
                author: "ada@laptop".into(),
                now,
            };
            crate::Store::open(opening).await.unwrap()
        }
    };
    with_a_project(folder.path(), 1).await;
    assert_eq!(count(), 1);
    with_a_project(folder.path(), 2).await;
    assert_eq!(count(), 1, "the first is not an hour old");
    open_after(2).await;
    assert_eq!(count(), 2);
    open_after(4).await;
    assert_eq!(count(), 2, "nothing was written since");
    let store = open_after(5).await;
    for _ in 0..12 {
        store.back_up().await.unwrap();
    }
    assert_eq!(count(), 6);
}

#[tokio::test]
async fn a_database_of_a_later_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    with_a_project(folder.path(), 1).await;
    let mut connection = SqliteConnectOptions::new()
        .filename(folder.path().join("plimsoll.db"))
        .connect()
        .await
        .unwrap();
    sqlx::query("INSERT INTO migrations VALUES (99, 'later', '', '')")
        .execute(&mut connection)
        .await
        .unwrap();
    drop(connection);
    match try_open(folder.path(), "d").await {
        Err(StoreError::Newer { found: 99, .. }) => {}
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn two_processes_write_at_a_time_and_neither_loses_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(folder.path()).await, open(folder.path()).await);
    assert_eq!(
        two.device(),
        one.device(),
        "the device was named at the first opening"
    );
    let put = |store: crate::Store, numbers: std::ops::Range<u32>| async move {
        for number in numbers {
            let mut write = store.write().await.unwrap();
            write.put(&project(number)).await.unwrap();
            write.commit().await.unwrap();
        }
    };
    let (a, b) = (put(one.clone(), 0..40), put(two.clone(), 40..80));
    tokio::try_join!(tokio::spawn(a), tokio::spawn(b)).unwrap();
    assert_eq!(one.all::<Project>().await.unwrap().len(), 80);
    let changes = two.changes_since(0, 1_000).await.unwrap();
    assert_eq!(changes.len(), 80);
    assert!(
        changes.is_sorted_by(|a, b| a.hlc < b.hlc),
        "stamps of one device grow across its processes"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("a/b");
    open(&inside).await;
    let mode = fs::metadata(&inside).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
