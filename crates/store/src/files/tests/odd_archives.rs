//! What stands in archives of other programs, and of those who mean harm.

use super::{
    Desk, now,
    raw_zip::{Raw, archive, unicode_path},
};
use crate::files::Imported;
use plimsoll_domain::content::Node;
use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
};
use zip::{ZipWriter, write::SimpleFileOptions};

async fn take(desk: &Desk, entries: &[Raw<'_>]) -> crate::Result<Imported> {
    let zip = desk.store.path().join("in.zip");
    fs::write(&zip, archive(entries)).unwrap();
    desk.files.import(&zip, now()).await
}

async fn refusal(desk: &Desk, entries: &[Raw<'_>]) -> String {
    let error = take(desk, entries).await.unwrap_err();
    assert_eq!(error.code(), "invalid_archive");
    error.to_string()
}

async fn paths(desk: &Desk, imported: &Imported) -> Vec<String> {
    let found = desk.files.differences(None, imported.root).await.unwrap();
    found.into_iter().map(|found| found.path).collect()
}

fn files<'a>(names: &[&'a str]) -> Vec<Raw<'a>> {
    names
        .iter()
        .map(|name| Raw::file(name.as_bytes()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn gits_folder_and_our_own_are_left_out_and_told() {
    let desk = Desk::new().await;
    let entries = files(&[
        ".git/config",
        "index.html",
        "deep/.GIT/hooks/pre-commit",
        ".git/HEAD",
        ".plimsoll/bin/x",
        "sub/.plimsoll-1-2.tmp",
        ".gitignore",
    ]);
    let imported = take(&desk, &entries).await.unwrap();
    assert_eq!(paths(&desk, &imported).await, [".gitignore", "index.html"]);
    assert_eq!(
        imported.remarks.left_out,
        [".git", "deep/.GIT", ".plimsoll", "sub/.plimsoll-1-2.tmp"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_stands_twice_is_refused() {
    let desk = Desk::new().await;
    let twice = refusal(&desk, &files(&["a", "b", "a"])).await;
    assert!(twice.contains("twice"), "{twice}");
    let twice = refusal(&desk, &files(&["a", "./a"])).await;
    assert!(twice.contains("twice"), "{twice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_systems_read_in_a_name_is_no_hindrance_here_and_is_told() {
    let desk = Desk::new().await;
    let entries = files(&["./", "./a.txt", "a:b.txt", "c:d", "aux.txt", "back\\slash"]);
    let imported = take(&desk, &entries).await.unwrap();
    assert_eq!(
        paths(&desk, &imported).await,
        ["a.txt", "a:b.txt", "aux.txt", "back\\slash", "c:d"]
    );
    let refused = imported.remarks.refused_by_windows;
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert!(refused.contains(&"aux.txt: it is the name of a device".to_owned()));
    // A program for DOS means a folder by it.
    let dos = Raw {
        system: 0,
        ..Raw::file(b"back\\slash")
    };
    assert!(refusal(&desk, &[dos]).await.contains("backslash"));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_no_utf8_are_told() {
    let desk = Desk::new().await;
    let utf8 = "日本.txt".as_bytes();
    let imported = take(&desk, &[Raw::file(b"caf\x82.txt"), Raw::file(utf8)]).await;
    assert_eq!(imported.unwrap().remarks.read_as_437, ["café.txt"]);
    // In Shift-JIS the second byte of a character may be a backslash.
    let dos = Raw {
        system: 0,
        ..Raw::file(b"\x95\x5c.txt")
    };
    let why = refusal(&desk, &[dos]).await;
    assert!(why.contains("437"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_an_archive_says_in_utf8_too_is_read_as_that() {
    let desk = Desk::new().await;
    // Shift-JIS: the second byte of the first character is a backslash.
    let windows = |name: &'static [u8]| Raw {
        system: 0,
        ..Raw::file(name)
    };
    for (name, wanted) in [
        (&b"caf\xe9.txt"[..], "café.txt"),
        (b"\x93\xfa\x96{.txt", "日本.txt"),
        (b"\x83\x5c.txt", "ソ.txt"),
        (b"\x82\x50\x81\x44.txt", "１．.txt"),
        (b"docs/\x83\x5c/a.txt", "docs/ソ/a.txt"),
    ] {
        let field = unicode_path(name, wanted);
        for extra in [[&field[..], &field[..]], [&[], &field[..]]] {
            let entry = Raw {
                extra,
                ..windows(name)
            };
            let imported = take(&desk, &[entry]).await;
            let imported = imported.unwrap_or_else(|error| panic!("{wanted}: {error}"));
            let found = desk.files.find(imported.root, wanted).await.unwrap();
            assert!(found.is_some(), "{wanted}");
            assert_eq!(imported.remarks.read_as_437, Vec::<String>::new());
        }
    }
    // What belongs to another name is none.
    let field = unicode_path(b"another", "other.txt");
    let entry = Raw {
        extra: [&field, &field],
        ..Raw::file(b"caf\x82.txt")
    };
    let imported = take(&desk, &[entry]).await.unwrap();
    assert_eq!(imported.remarks.read_as_437, ["café.txt"]);
    // And one that leads out is no better than any other.
    let field = unicode_path(b"caf\xe9.txt", "../out.txt");
    let entry = Raw {
        extra: [&field, &field],
        ..Raw::file(b"caf\xe9.txt")
    };
    refusal(&desk, &[entry]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_no_folder_and_no_link_is_refused() {
    let desk = Desk::new().await;
    for mode in [0o010_644, 0o060_644, 0o020_644, 0o140_644] {
        let pipe = Raw {
            mode,
            ..Raw::file(b"pipe")
        };
        let why = refusal(&desk, &[pipe]).await;
        assert!(why.contains("no link"), "{why}");
    }
    let locked = Raw {
        flags: 1,
        ..Raw::file(b"locked")
    };
    let why = refusal(&desk, &[locked]).await;
    assert!(why.contains("locked") && why.contains("encrypted"), "{why}");
}

/// An archive of links and of files that have their name in them.
fn linked(desk: &Desk, links: &[(&str, &str)], files: &[&str]) -> PathBuf {
    let path = desk.store.path().join("links.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (name, target) in links {
        zip.add_symlink(*name, *target, SimpleFileOptions::default())
            .unwrap();
    }
    for name in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(name.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_stay_inside_come_in_and_others_do_not() {
    let desk = Desk::new().await;
    let zip = linked(&desk, &[("d/l", "../a")], &["a"]);
    let imported = desk.files.import(&zip, now()).await.unwrap();
    let target = desk.files.find(imported.root, "d/l").await.unwrap();
    let wanted = Node::Link {
        target: "../a".to_owned(),
    };
    assert_eq!(target, Some(wanted));
    for (links, files, word) in [
        (&[("l", "/etc/passwd")][..], &[][..], "leads out"),
        (&[("d/l", "../../x")], &[], "leads out"),
        (&[("d/top", ".."), ("e", "d/top/../x")], &[], "leads out"),
        (&[("d", "real")], &["d/evil"], "through a link"),
    ] {
        let zip = linked(&desk, links, files);
        let error = desk.files.import(&zip, now()).await.unwrap_err();
        assert!(error.to_string().contains(word), "{links:?} {error}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn links_and_odd_names_go_out_and_come_in_the_same() {
    let desk = Desk::new().await;
    desk.write("packages/x/bin.js", b"x");
    desk.write("a:b.txt", b"colon");
    desk.write("back\\slash", b"backslash");
    let place = desk.workspace.path();
    fs::create_dir_all(place.join("node_modules/.bin")).unwrap();
    for (link, target) in [
        ("node_modules/x", "../packages/x"),
        ("node_modules/.bin/x", "../x/bin.js"),
        ("dangling", "not/there"),
    ] {
        std::os::unix::fs::symlink(target, place.join(link)).unwrap();
    }
    let saved = desk.save().await;
    let zip = desk.store.path().join("out.zip");
    desk.files.export(saved.root, &zip).await.unwrap();
    let imported = desk.files.import(&zip, now()).await.unwrap();
    assert_eq!(imported.root, saved.root);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_whose_entries_lie_on_the_same_bytes_is_refused_as_a_whole() {
    let desk = Desk::new().await;
    let path = desk.store.path().join("overlap.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    zip.start_file("0", SimpleFileOptions::default()).unwrap();
    zip.write_all(&[0; 1 << 20]).unwrap();
    for copy in 1..300 {
        zip.shallow_copy_file("0", &copy.to_string()).unwrap();
    }
    zip.finish().unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 64 << 10);
    let error = desk.files.import(&path, now()).await.unwrap_err();
    assert!(error.to_string().contains("honest archive"), "{error}");
}
