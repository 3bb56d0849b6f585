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
