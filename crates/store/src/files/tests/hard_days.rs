//! Files that change, cannot be read or vanish while they are saved; disks that are full; archives
//! of other systems.

use super::{
    Desk, now,
    raw_zip::{Raw, archive},
};
use crate::{
    StoreError,
    files::{Files, Progress, pack::pack_path, packs_in},
};
use plimsoll_domain::content::Node;
use std::{
    env, fs,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_read_is_saved_whole_or_named() {
    let desk = Desk::new().await;
    desk.write("steady", b"as it is");
    let path = desk.workspace.path().join("busy");
    let state = |round: u8| vec![round; 300_000];
    fs::write(&path, state(0)).unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (path, ended) = (path.clone(), ended.clone());
        move || {
            for round in (0..=255u8).cycle() {
                fs::write(&path, state(round)).unwrap();
                if ended.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
    });
    let progress = Arc::default();
    for _ in 0..6 {
        let place = desk.workspace.path();
        let saving = desk.files.save(place, &[], now(), &progress);
        match saving.await {
            Ok(saved) => {
                let node = desk.files.find(saved.root, "busy").await.unwrap().unwrap();
                let Node::File { size, .. } = node else {
                    panic!("{node:?}");
                };
                assert_eq!(
                    desk.files.content(node, size).await.unwrap().len() as u64,
                    size
                );
            }
            Err(StoreError::Unsaved { files }) => {
                assert_eq!(files, ["busy: it changes all the time while it is read"]);
            }
            Err(error) => panic!("{error}"),
        }
    }
    ended.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let saved = desk.save().await;
    assert_eq!(desk.saved(saved.root).await, desk.on_disk());
}

/// What a process without privileges does; called by its parent only.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn saves_what_it_may_not_read() {
    let Some(place) = env::var_os("HARD_DAY").map(PathBuf::from) else {
        return;
    };
    let files = Files::open(&place.join("store")).await.unwrap();
    let (work, progress) = (place.join("work"), Arc::default());
    let error = files.save(&work, &[], now(), &progress).await;
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::Unsaved { .. }), "{error}");
    fs::write(place.join("told"), error.to_string()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_named_and_nothing_is_saved() {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    let place = tempfile::tempdir().unwrap();
    let mode = |path: &str, mode| {
        let path = place.path().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(place.path().join("work")).unwrap();
    fs::write(place.path().join("work/mine"), "secret").unwrap();
    fs::write(place.path().join("work/ours"), "open").unwrap();
    mode("work/mine", 0o000);
    mode("work", 0o755);
    mode("", 0o777);
    // Nobody may read anything as long as they are root, so root becomes nobody; with a copy of
    // this program, as the folder that it lies in may be closed to others.
    let program = place.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    mode("program", 0o755);
    let mut command = Command::new(&program);
    let root = fs::read(place.path().join("work/mine")).is_ok();
    if root {
        command.uid(65_534).gid(65_534);
    }
    let output = command
        .args([
            "--exact",
            "files::tests::hard_days::saves_what_it_may_not_read",
        ])
        .current_dir(place.path())
        .env("HARD_DAY", place.path())
        .output()
        .unwrap();
    let told = fs::read_to_string(place.path().join("told"));
    let told = told.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stdout)));
    assert!(told.contains("mine: ") && !told.contains("ours"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_vanishes_in_the_middle_of_a_save_is_told_and_nothing_is_saved() {
    let desk = Desk::new().await;
    for number in 0..400 {
        desk.write(&format!("part-{}/{number}", number % 20), &[7; 4_000]);
    }
    let place = desk.workspace.path().join("..").canonicalize().unwrap();
    let work = place.join(format!("unplugged-{}", std::process::id()));
    fs::rename(desk.workspace.path(), &work).unwrap();
    let progress = Arc::new(Progress::default());
    let unplug = std::thread::spawn({
        let (progress, work) = (progress.clone(), work.clone());
        move || {
            while progress.files.load(Ordering::Relaxed) < 20 {
                std::hint::spin_loop();
            }
            fs::rename(&work, work.with_extension("away")).unwrap();
        }
    });
    let saved = desk.files.save(&work, &[], now(), &progress).await;
    unplug.join().unwrap();
    let away = work.with_extension("away");
    fs::rename(&away, desk.workspace.path()).unwrap();
    match saved {
        Err(StoreError::WorkspaceGone { path }) => assert_eq!(path, work),
        Err(error) => panic!("{error}"),
        // It was faster than the one who pulled the plug: then it has everything.
        Ok(saved) => assert_eq!(saved.files, 400),
    }
    let again = desk.save().await;
    assert_eq!(again.files, 400);
}

/// What a process on a small disk does; called by its parent only.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn saves_more_than_fits() {
    let Some(place) = env::var_os("FULL_DISK").map(PathBuf::from) else {
        return;
    };
    let work = place.join("work");
    let files = Files::open(&place.join("disk/store")).await.unwrap();
    let first = files
        .save(&work, &[], now(), &Arc::default())
        .await
        .unwrap();
    let before = super::content_of(&files, first.root).await;
    let mut noise = vec![0; 12 << 20];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    fs::write(work.join("large"), &noise).unwrap();
    let error = files.save(&work, &[], now(), &Arc::default()).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), "store_disk_full", "{error}");
    assert_eq!(super::content_of(&files, first.root).await, before);
    assert!(files.check(&[first.root], true).await.unwrap().is_whole());
    // With room again it goes on.
    fs::remove_file(work.join("large")).unwrap();
    fs::write(work.join("small"), "fits").unwrap();
    let second = files
        .save(&work, &[], now(), &Arc::default())
        .await
        .unwrap();
    assert_eq!(second.files, 2);
    fs::write(place.join("done"), "").unwrap();
}

/// Runs a test in a process of its own, on a disk of 6 MB that only it and its children see.
#[cfg(target_os = "linux")]
fn on_a_small_disk(test: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    for folder in ["work", "disk"] {
        fs::create_dir(place.path().join(folder)).unwrap();
    }
    fs::write(place.path().join("work/kept"), "before").unwrap();
    let script = "mount -t tmpfs -o size=6m tmpfs \"$1\" && exec \"$2\" --exact \"$3\"";
    let output = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(place.path().join("disk"))
        .arg(env::current_exe().unwrap())
        .arg(format!("files::tests::hard_days::{test}"))
        .env("FULL_DISK", place.path())
        .output()
        .unwrap();
    assert!(
        place.path().join("done").exists(),
        "{} {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_in_the_middle_of_a_save_loses_nothing() {
    on_a_small_disk("saves_more_than_fits");
}

/// What a process on a small disk does; called by its parent only.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn restores_more_than_fits() {
    let Some(place) = env::var_os("FULL_DISK").map(PathBuf::from) else {
        return;
    };
    let files = Files::open(&place.join("store")).await.unwrap();
    let work = place.join("work");
    for name in ["a", "b"] {
        fs::write(work.join(name), vec![0; 4 << 20]).unwrap();
    }
    let saved = files.save(&work, &[], now(), &Arc::default()).await;
    let root = saved.unwrap().root;
    let disk = place.join("disk");
    let error = files.restore(&disk, None, root, None).await.unwrap_err();
    assert_eq!(error.code(), "store_disk_full", "{error}");
    assert_eq!(fs::read_dir(&disk).unwrap().count(), 0);
    // What fits is written.
    let done = files.restore(&disk, None, root, Some("a")).await.unwrap();
    assert_eq!(done.written, 1);
    fs::write(place.join("done"), "").unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_room_for_a_restore_stays_as_it_is() {
    on_a_small_disk("restores_more_than_fits");
}

/// Bytes that nothing makes smaller.
#[cfg(target_os = "linux")]
fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut noise = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[seed]).finalize_xof().fill(&mut noise);
    noise
}

/// What a process on a small disk does; called by its parent only.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn exports_more_than_fits() {
    let Some(place) = env::var_os("FULL_DISK").map(PathBuf::from) else {
        return;
    };
    let files = Files::open(&place.join("store")).await.unwrap();
    let (work, disk) = (place.join("work"), place.join("disk"));
    for seed in 0..12 {
        fs::write(work.join(format!("part-{seed}")), noise(seed, 900_000)).unwrap();
    }
    let saved = files.save(&work, &[], now(), &Arc::default()).await;
    let root = saved.unwrap().root;
    // One that is there already stays as it is.
    fs::write(disk.join("out.zip"), "the one of yesterday").unwrap();
    let error = files.export(root, &disk.join("out.zip")).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), "store_disk_full", "{error}");
    let left = fs::read_dir(&disk).unwrap().count();
    let kept = fs::read_to_string(disk.join("out.zip")).unwrap();
    assert_eq!((left, kept.as_str()), (1, "the one of yesterday"));
    // A state that cannot be read leaves nothing either.
    for name in packs_in(&place.join("store/packs")).unwrap() {
        let pack = pack_path(&place.join("store/packs"), &name);
        let mut bytes = fs::read(&pack).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&pack, bytes).unwrap();
    }
    let error = files.export(root, &place.join("damaged.zip")).await;
    assert_eq!(error.unwrap_err().code(), "content_damaged");
    assert!(!place.join("damaged.zip").exists());
    fs::write(place.join("done"), "").unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn an_archive_that_does_not_fit_is_told_as_a_full_disk_and_leaves_nothing() {
    let printed = on_a_small_disk("exports_more_than_fits");
    assert!(!printed.to_lowercase().contains("zip"), "{printed}");
}

/// What a process on a small disk does; called by its parent only.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn prunes_where_nothing_can_be_moved() {
    let Some(place) = env::var_os("FULL_DISK").map(PathBuf::from) else {
        return;
    };
    let (work, disk) = (place.join("work"), place.join("disk"));
    let files = Files::open(&disk.join("store")).await.unwrap();
    let save = async || {
        let saved = files.save(&work, &[], now(), &Arc::default()).await;
        saved.unwrap().root
    };
    fs::write(work.join("goes"), noise(1, 1_000_000)).unwrap();
    fs::write(work.join("stays"), noise(2, 900_000)).unwrap();
    save().await;
    fs::write(work.join("goes"), noise(3, 800_000)).unwrap();
    save().await;
    fs::remove_file(work.join("goes")).unwrap();
    let kept = save().await;
    let before = super::content_of(&files, kept).await;
    let filler = disk.join("filler");
    let room = fs::File::create(&filler).unwrap();
    // Enough for the index, and not for what stays.
    let taken = std::io::copy(&mut std::io::repeat(7), &mut &room);
    assert!(taken.is_err());
    let size = room.metadata().unwrap().len();
    room.set_len(size - 500_000).unwrap();
    let prune = async |moment| {
        let pruning = files.pruning().await.unwrap();
        let planned = pruning.keep_only(&[kept]).await.unwrap();
        planned.prune(moment).await.unwrap()
    };
    let pruned = prune(0).await;
    assert_eq!(pruned.condemned, 1, "the pack that is of no use");
    assert!(
        (800_000..900_000).contains(&pruned.waste_bytes),
        "{pruned:?}"
    );
    assert_eq!(super::content_of(&files, kept).await, before);
    // A day later its room is there, and the rest can move.
    let pruned = prune(100_000_000).await;
    assert!(pruned.freed_bytes > 800_000, "{pruned:?}");
    assert_eq!(pruned.condemned, 1, "the pack that is mostly waste");
    assert_eq!(super::content_of(&files, kept).await, before);
    assert!(files.check(&[kept], true).await.unwrap().is_whole());
    fs::write(place.join("done"), "").unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_pruning_on_a_full_disk_frees_what_it_can_and_loses_nothing() {
    on_a_small_disk("prunes_where_nothing_can_be_moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_damaged_pack_held_comes_back_from_an_archive() {
    let desk = Desk::new().await;
    desk.write("only", b"in this version");
    let saved = desk.save().await;
    let zip = desk.store.path().join("out.zip");
    desk.files.export(saved.root, &zip).await.unwrap();
    let packs = desk.store.path().join("packs");
    let name = packs_in(&packs).unwrap().remove(0);
    let pack = pack_path(&packs, &name);
    let mut bytes = fs::read(&pack).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    // The first object is the file's content: behind the magic and its header.
    bytes[8 + 41] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let roots = [saved.root];
    drop(saved);
    assert!(!desk.files.check(&roots, true).await.unwrap().is_whole());
    desk.files.mend(&[], 0).await.unwrap();
    fs::remove_file(desk.workspace.path().join("only")).unwrap();
    assert!(
        !desk
            .files
            .check(&roots, true)
            .await
            .unwrap()
            .hurt
            .is_empty()
    );
    let imported = desk.files.import(&zip, now()).await.unwrap();
    assert_eq!(imported.root, roots[0]);
    assert!(
        desk.files
            .check(&roots, true)
            .await
            .unwrap()
            .hurt
            .is_empty()
    );
    let node = desk.files.find(roots[0], "only").await.unwrap().unwrap();
    assert_eq!(
        desk.files.content(node, 100).await.unwrap(),
        b"in this version"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_another_encoding_is_read_as_what_it_was() {
    /// Bit 11: the name is UTF-8.
    const UTF8: u16 = 1 << 11;
    let desk = Desk::new().await;
    let zip = desk.store.path().join("in.zip");
    for (name, flags, wanted) in [
        // Code page 437, as old programs write it.
        (&b"caf\x82.txt"[..], 0, "café.txt"),
        // UTF-8 that does not say so, as many programs write it.
        ("café.txt".as_bytes(), 0, "café.txt"),
        ("café.txt".as_bytes(), UTF8, "café.txt"),
    ] {
        let entry = Raw {
            flags,
            ..Raw::file(name)
        };
        fs::write(&zip, archive(&[entry])).unwrap();
        let imported = desk.files.import(&zip, now()).await.unwrap();
        let found = desk.files.find(imported.root, wanted).await.unwrap();
        assert!(found.is_some(), "{name:?}");
    }
}
