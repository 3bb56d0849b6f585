use super::*;

fn text_of(read: &FileRead) -> (&str, LineEnding) {
    match &read.content {
        Content::Text { text, ending, .. } => (text, *ending),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_keeps_its_line_endings_its_mark_and_its_permissions() {
    for (raw, shown, ending) in [
        ("a\nb\n", "a\nb\n", LineEnding::Lf),
        ("a\r\nb\r\n", "a\nb\n", LineEnding::Crlf),
        ("a\r\nb\n", "a\r\nb\n", LineEnding::Mixed),
        ("a\rb", "a\rb", LineEnding::Mixed),
        ("\u{feff}a\r\n", "a\n", LineEnding::Crlf),
        ("", "", LineEnding::Lf),
    ] {
        let ground = Ground::new(&[("f.txt", raw)]);
        let file = ground.root().join("f.txt");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o751)).unwrap();
        }
        let read = ground.workspace.read(&path("f.txt")).unwrap();
        assert_eq!(text_of(&read), (shown, ending), "{raw:?}");
        let Content::Text { has_mark, .. } = read.content else {
            panic!("{raw:?}");
        };
        let new = NewText {
            text: shown.to_owned(),
            ending,
            has_mark,
        };
        let written = ground
            .workspace
            .write(&path("f.txt"), &new, read.hash)
            .unwrap();
        assert!(matches!(written, Writing::Done(done) if Some(done.hash) == read.hash));
        assert_eq!(fs::read_to_string(&file).unwrap(), raw);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o751);
        }
    }
}

#[test]
fn what_somebody_else_wrote_is_answered_and_not_overwritten() {
    let ground = Ground::new(&[("f.txt", "one\n")]);
    let it = &ground.workspace;
    let read = it.read(&path("f.txt")).unwrap();
    fs::write(ground.root().join("f.txt"), "theirs\n").unwrap();
    let mine = plain("mine\n");
    let Writing::Conflict(Some(now)) = it.write(&path("f.txt"), &mine, read.hash).unwrap() else {
        panic!("it was overwritten");
    };
    assert_eq!(text_of(&now).0, "theirs\n");
    assert_eq!(ground.text("f.txt"), "theirs\n");
    // Whoever has seen what is there may replace it.
    assert!(matches!(
        it.write(&path("f.txt"), &mine, now.hash),
        Ok(Writing::Done(_))
    ));
    assert_eq!(ground.text("f.txt"), "mine\n");
    // A file that should be new and is there, and one that should be there and is not.
    let there = it.write(&path("f.txt"), &mine, None).unwrap();
    assert!(matches!(there, Writing::Conflict(Some(_))));
    fs::remove_file(ground.root().join("f.txt")).unwrap();
    assert_eq!(
        it.write(&path("f.txt"), &mine, now.hash).unwrap(),
        Writing::Conflict(None)
    );
    let gone = it.write(&path("none/f.txt"), &mine, now.hash).unwrap();
    assert_eq!(gone, Writing::Conflict(None));
    assert!(matches!(
        it.write(&path("new/f.txt"), &mine, None),
        Ok(Writing::Done(_))
    ));
    assert_eq!(ground.all(), ["new", "new/f.txt"]);
}

#[test]
fn of_many_writers_at_once_each_overwrites_only_what_it_saw() {
    let ground = Ground::new(&[("count", "0")]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    loop {
                        let read = ground.workspace.read(&path("count")).unwrap();
                        let number: u32 = text_of(&read).0.parse().unwrap();
                        let next = plain(&(number + 1).to_string());
                        let done = ground.workspace.write(&path("count"), &next, read.hash);
                        if matches!(done.unwrap(), Writing::Done(_)) {
                            break;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(ground.text("count"), "40");
    assert_eq!(ground.all(), ["count"]);
}

#[test]
fn what_is_no_text_or_too_large_is_told_as_such() {
    let ground = Ground::new(&[]);
    let write = |name: &str, bytes: &[u8]| fs::write(ground.root().join(name), bytes).unwrap();
    write("binary", b"a\0b");
    write("latin", b"gr\xfc\xdfe");
    write("a.png", b"\x89PNG\r\n");
    let line = b"a line of text\n";
    let usual = plimsoll_domain::preferences::Limits::default().text_bytes;
    write("large.txt", &line.repeat(1 + usual as usize / line.len()));
    write("large.bin", &vec![0; 1 + usual as usize]);
    let read = |name: &str| ground.workspace.read(&path(name)).unwrap();
    assert_eq!(read("binary").content, Content::Binary);
    assert_eq!(read("latin").content, Content::Binary);
    assert!(matches!(
        read("a.png").content,
        Content::Image {
            media: "image/png",
            ..
        }
    ));
    let large = read("large.txt");
    assert_eq!(large.content, Content::TooLarge { is_text: true });
    assert!(large.bytes > usual && large.hash.is_none());
    let patient = ground.workspace.clone().with_texts_up_to(large.bytes);
    let shown = patient.read(&path("large.txt")).unwrap();
    assert!(matches!(shown.content, Content::Text { .. }));
    assert_eq!(
        read("large.bin").content,
        Content::TooLarge { is_text: false }
    );
    let much = plain(&"x".repeat(1 + MOST_TEXT as usize));
    let refused = ground
        .workspace
        .write(&path("much"), &much, None)
        .unwrap_err();
    assert_eq!(refused.code(), "file_too_large");
}

#[test]
fn a_file_that_is_only_to_be_read_stays_as_it_is() {
    let ground = Ground::new(&[("f", "x")]);
    let file = ground.root().join("f");
    let mut permissions = file.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    let read = ground.workspace.read(&path("f")).unwrap();
    assert!(read.is_readonly);
    let refused = ground
        .workspace
        .write(&path("f"), &plain("y"), read.hash)
        .unwrap_err();
    assert_eq!(refused.code(), "file_readonly");
    assert_eq!(ground.text("f"), "x");
}

#[test]
fn moving_never_takes_the_place_of_something() {
    let ground = Ground::new(&[("a/x", "1"), ("b", "2")]);
    let it = &ground.workspace;
    let refuse = |from: &str, to: &str| it.move_to(&path(from), &path(to)).unwrap_err().code();
    assert_eq!(refuse("b", "a"), "file_exists");
    assert_eq!(refuse("b", "a/x"), "file_exists");
    assert_eq!(refuse("a", "a/y/z"), "file_into_itself");
    assert_eq!(refuse("none", "c"), "file_missing");
    it.move_to(&path("a"), &path("deep/er/a")).unwrap();
    it.move_to(&path("b"), &path("B")).unwrap();
    assert_eq!(
        ground.all(),
        ["B", "deep", "deep/er", "deep/er/a", "deep/er/a/x"]
    );
    assert_eq!(
        it.create_file(&path("B")).unwrap_err().code(),
        "file_exists"
    );
    it.create_folder(&path("new/folder")).unwrap();
    it.create_file(&path("new/folder/f")).unwrap();
    assert_eq!(
        it.create_folder(&path("new")).unwrap_err().code(),
        "file_exists"
    );
}

#[test]
fn what_is_dropped_in_is_copied_whole_under_a_name_that_is_free() {
    let ground = Ground::new(&[("a.txt", "old")]);
    let desk = ground.folder.path().join("desk");
    fs::create_dir_all(desk.join("folder/in")).unwrap();
    fs::write(desk.join("a.txt"), "new").unwrap();
    fs::write(desk.join("folder/in/x"), "x").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", desk.join("folder/link")).unwrap();
    let it = &ground.workspace;
    let sources = [desk.join("a.txt"), desk.join("folder")];
    let taken = it.take_in(&sources, &folder("")).unwrap();
    assert_eq!(taken.paths, [path("a (2).txt"), path("folder")]);
    assert_eq!((taken.files, taken.bytes), (2, 4));
    assert_eq!(taken.left.len(), usize::from(cfg!(unix)));
    assert_eq!(
        ground.all(),
        ["a (2).txt", "a.txt", "folder", "folder/in", "folder/in/x"]
    );
    assert_eq!(ground.text("a.txt"), "old");
    it.take_in(&sources[..1], &folder("folder/made/here"))
        .unwrap();
    assert_eq!(ground.text("folder/made/here/a.txt"), "new");
    let whole = it.take_in(&[ground.folder.path().to_owned()], &folder("folder"));
    assert_eq!(whole.unwrap_err().code(), "file_into_itself");
    let gone = it.take_in(&[desk.join("none")], &folder("")).unwrap_err();
    assert_eq!(gone.code(), "file_system");
}

#[cfg(unix)]
#[test]
fn what_is_dropped_in_and_windows_refuses_is_copied_and_named() {
    let ground = Ground::new(&[]);
    let desk = ground.folder.path().join("desk");
    fs::create_dir_all(desk.join("folder/in")).unwrap();
    fs::write(desk.join("aux.txt"), "a").unwrap();
    fs::write(desk.join("folder/in/what?.txt"), "b").unwrap();
    let sources = [desk.join("aux.txt"), desk.join("folder")];
    let taken = ground.workspace.take_in(&sources, &folder("")).unwrap();
    assert_eq!(ground.text("aux.txt"), "a");
    assert_eq!(ground.text("folder/in/what?.txt"), "b");
    let named: Vec<&str> = taken.windows.iter().map(String::as_str).collect();
    assert_eq!(
        named,
        [
            "aux.txt: it is the name of a device",
            "what?.txt: it contains one of < > : \" | ? * \\"
        ]
    );
}

fn draft(name: &str, text: &str) -> Draft {
    Draft {
        path: path(name),
        text: text.to_owned(),
        ending: LineEnding::Crlf,
        has_mark: true,
        seen: Some(ContentHash::of(b"x")),
    }
}

#[test]
fn what_was_typed_goes_along_when_its_file_or_a_folder_is_moved() {
    let ground = Ground::new(&[("a/x", "1"), ("a/deep/y", "2"), ("ab", "3")]);
    let it = &ground.workspace.drafts();
    for name in ["a/x", "a/deep/y", "a/new", "ab"] {
        it.keep(&draft(name, name)).unwrap();
    }
    ground.workspace.move_to(&path("a"), &path("b/c")).unwrap();
    ground.workspace.move_to(&path("ab"), &path("bb")).unwrap();
    let kept = [
        draft("b/c/deep/y", "a/deep/y"),
        draft("b/c/new", "a/new"),
        draft("b/c/x", "a/x"),
        draft("bb", "ab"),
    ];
    assert_eq!(it.all().unwrap(), kept);
}

#[test]
fn of_keeps_at_once_one_stays_whole() {
    let ground = Ground::new(&[]);
    let texts: Vec<String> = (1..=16).map(|n| n.to_string().repeat(n << 10)).collect();
    std::thread::scope(|scope| {
        for text in &texts {
            scope.spawn(|| ground.workspace.drafts().keep(&draft("a", text)).unwrap());
        }
    });
    let kept = ground.workspace.drafts().all().unwrap();
    assert!(kept.len() == 1 && texts.contains(&kept[0].text));
}

#[test]
fn a_damaged_draft_is_kept_aside_and_hides_no_other() {
    let ground = Ground::new(&[]);
    let it = &ground.workspace.drafts();
    it.keep(&draft("a", "1")).unwrap();
    let drafts = ground.folder.path().join("aside/drafts");
    let kept = fs::read_dir(&drafts).unwrap().next().unwrap().unwrap();
    fs::write(kept.path(), "{\"path\": \"a\", \"text\": \"all that").unwrap();
    it.keep(&draft("b", "2")).unwrap();
    assert_eq!(it.all().unwrap(), [draft("b", "2")]);
    it.keep(&draft("a", "3")).unwrap();
    let aside = fs::read_to_string(kept.path().with_extension("damaged")).unwrap();
    assert!(aside.ends_with("all that"));
}

#[test]
fn a_draft_stays_until_it_is_forgotten() {
    let ground = Ground::new(&[]);
    let it = &ground.workspace.drafts();
    assert_eq!(it.all().unwrap(), []);
    it.keep(&draft("b/c", "1")).unwrap();
    it.keep(&draft("a", "1")).unwrap();
    it.keep(&draft("a", "2")).unwrap();
    assert_eq!(it.all().unwrap(), [draft("a", "2"), draft("b/c", "1")]);
    it.forget(&path("a")).unwrap();
    it.forget(&path("a")).unwrap();
    assert_eq!(it.all().unwrap(), [draft("b/c", "1")]);
    assert_eq!(ground.all(), Vec::<String>::new());
}
