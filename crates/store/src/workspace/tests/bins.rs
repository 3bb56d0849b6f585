use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[test]
fn what_was_deleted_can_be_put_back() {
    let ground = Ground::new(&[("a/x", "12"), ("a/deep/y", "345"), ("b", "6")]);
    let it = &ground.workspace;
    let entry = it.delete(&path("a"), "1", at(1)).unwrap();
    assert_eq!((entry.is_folder, entry.files, entry.bytes), (true, 2, 5));
    it.delete(&path("b"), "2", at(2)).unwrap();
    assert_eq!(ground.all(), Vec::<String>::new());
    let listed: Vec<String> = it
        .bin()
        .unwrap()
        .into_iter()
        .map(|entry| entry.id)
        .collect();
    assert_eq!(listed, ["2", "1"]);
    assert_eq!(it.restore("1").unwrap().path, path("a"));
    assert_eq!(ground.all(), ["a", "a/deep", "a/deep/y", "a/x"]);
    assert_eq!(ground.text("a/deep/y"), "345");
    assert_eq!(it.restore("1").unwrap_err().code(), "bin_entry_missing");
    assert_eq!(it.bin().unwrap().len(), 1);
}

#[test]
fn putting_back_takes_nobodys_place() {
    let ground = Ground::new(&[("a/x.txt", "old")]);
    let it = &ground.workspace;
    it.delete(&path("a/x.txt"), "1", at(1)).unwrap();
    fs::write(ground.root().join("a/x.txt"), "new").unwrap();
    let back = it.restore("1").unwrap();
    assert_eq!(
        (back.path.as_str(), back.was.as_str()),
        ("a/x (2).txt", "a/x.txt")
    );
    assert_eq!(ground.text("a/x.txt"), "new");
    assert_eq!(ground.text("a/x (2).txt"), "old");
    // Its folder was deleted after it.
    it.delete(&path("a/x.txt"), "2", at(2)).unwrap();
    it.delete(&path("a"), "3", at(3)).unwrap();
    assert_eq!(it.restore("2").unwrap().path, path("a/x.txt"));
}

#[test]
fn emptying_removes_one_or_everything_for_good() {
    let ground = Ground::new(&[("a", "1"), ("b", "22"), ("c", "333")]);
    let it = &ground.workspace;
    for (name, id) in [("a", "1"), ("b", "2"), ("c", "3")] {
        it.delete(&path(name), id, at(1)).unwrap();
    }
    assert_eq!(it.empty_bin(Some("2")).unwrap(), (1, 2));
    assert_eq!(
        it.empty_bin(Some("2")).unwrap_err().code(),
        "bin_entry_missing"
    );
    for id in ["", "../x", "a/b", "1\0"] {
        assert_eq!(
            it.restore(id).unwrap_err().code(),
            "bin_entry_missing",
            "{id:?}"
        );
    }
    assert_eq!(it.empty_bin(None).unwrap(), (2, 4));
    assert_eq!(it.bin().unwrap(), []);
    assert_eq!(it.empty_bin(None).unwrap(), (0, 0));
}

/// On another disk something is copied before it is removed, and what can be removed of it may be
/// less than all.
#[cfg(target_os = "linux")]
#[test]
fn a_copy_in_the_bin_stays_when_not_all_can_be_removed_from_another_disk() {
    use nix::unistd::{Uid, getuid, setfsuid};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let allow = |place: &Path, mode| {
        fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
    };
    let (here, Ok(there)) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir_in("/dev/shm"),
    ) else {
        return println!("SKIPPED: there is no second disk");
    };
    let device = |folder: &tempfile::TempDir| folder.path().metadata().unwrap().dev();
    if device(&here) == device(&there) {
        return println!("SKIPPED: there is no second disk");
    }
    let (aside, root) = (here.path(), there.path());
    fs::create_dir_all(root.join("a/closed")).unwrap();
    fs::write(root.join("a/closed/x"), "1").unwrap();
    fs::write(root.join("a/y"), "22").unwrap();
    for open in [aside, root, &root.join("a")] {
        allow(open, 0o777);
    }
    allow(&root.join("a/closed"), 0o555);

    let it = Workspace::open(root, aside).unwrap();
    // Nothing is closed to root.
    let is_root = getuid().is_root();
    if is_root {
        setfsuid(Uid::from_raw(65_534));
    }
    let told = it.delete(&path("a"), "1", at(1));
    if is_root {
        setfsuid(Uid::from_raw(0));
    }
    assert_eq!(told.unwrap_err().code(), "file_not_removed");
    allow(&root.join("a/closed"), 0o755);
    let back = it.restore("1").unwrap().path;
    assert_eq!(back, path("a (2)"));
    let text = |file: &str| fs::read_to_string(root.join(back.as_str()).join(file)).unwrap();
    assert_eq!((text("closed/x"), text("y")), ("1".into(), "22".into()));
}
