//! The files of a project, offline, by the command: what somebody wrote is never lost.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::Desk;

fn desk() -> (Desk, tempfile::TempDir, String) {
    let desk = Desk::offline("versions");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.html"), "<h1>one</h1>\n").unwrap();
    fs::write(folder.path().join("logo.bin"), [0u8, 1, 2, 255]).unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    desk.ok(&["project", "create", "site", "--folder", &path]);
    (desk, folder, path)
}

#[test]
fn what_is_saved_is_listed_compared_and_comes_back() {
    let (desk, folder, _) = desk();
    let save = |message: &str| desk.ok(&["versions", "save", "--project", "site", "-m", message]);
    assert_eq!(save("first")["number"], 1);
    fs::write(folder.path().join("index.html"), "<h1>two</h1>\n").unwrap();
    fs::remove_file(folder.path().join("logo.bin")).unwrap();
    assert_eq!(save("second")["number"], 2);
    let (_, refused) = desk.fails(&["versions", "save", "--project", "site", "-m", "again"]);
    assert_eq!(refused["code"], "nothing_changed");

    let diff = desk.ok(&["versions", "diff", "--project", "site", "1", "2"]);
    let paths: Vec<&str> = diff
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["index.html", "logo.bin"]);

    fs::write(folder.path().join("index.html"), "not saved by hand\n").unwrap();
    let done = desk.ok(&["versions", "restore", "--project", "site", "1"]);
    assert_eq!(done["before"]["cause"], "before_restore");
    assert_eq!(
        fs::read_to_string(folder.path().join("index.html")).unwrap(),
        "<h1>one</h1>\n"
    );
    assert_eq!(
        fs::read(folder.path().join("logo.bin")).unwrap(),
        [0u8, 1, 2, 255]
    );
    let number = done["before"]["number"].as_u64().unwrap().to_string();
    let restore = [
        "versions",
        "restore",
        "--project",
        "site",
        &number,
        "--path",
        "index.html",
    ];
    desk.ok(&restore);
    let back = fs::read_to_string(folder.path().join("index.html")).unwrap();
    assert_eq!(back, "not saved by hand\n");
    assert!(
        folder.path().join("logo.bin").exists(),
        "only the file that was named"
    );

    let typo = ["versions", "restore", "--project", "site", "1"];
    let (_, told) = desk.fails(&[&typo[..], &["--path", "inedx.html"]].concat());
    assert_eq!(told["code"], "file_unknown");

    let check = desk.ok(&["versions", "check", "--read-data"]);
    assert_eq!(check["hurt"], serde_json::json!([]));
    assert!(check["proved"].as_u64().unwrap() > 0);
}

#[test]
fn an_archive_goes_out_and_becomes_a_project_elsewhere() {
    let (desk, folder, _) = desk();
    desk.ok(&["versions", "save", "--project", "site"]);
    let zip = folder
        .path()
        .parent()
        .unwrap()
        .join(format!("site-{}.zip", std::process::id()));
    let zip_path = zip.to_str().unwrap();
    desk.ok(&[
        "versions",
        "export",
        "--project",
        "site",
        "latest",
        "--to",
        zip_path,
    ]);
    let new = tempfile::tempdir().unwrap();
    let place = new.path().join("copy");
    let create = [
        "project",
        "create",
        "copy",
        "--folder",
        place.to_str().unwrap(),
    ];
    desk.ok(&[&create[..], &["--from", zip_path]].concat());
    for name in ["index.html", "logo.bin"] {
        let original = fs::read(folder.path().join(name)).unwrap();
        assert_eq!(fs::read(place.join(name)).unwrap(), original, "{name}");
    }
    fs::remove_file(zip).unwrap();
}

/// An archive of files that have nothing in them.
fn zip(path: &std::path::Path, names: &[&str]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for name in names {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(*name, options).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn what_an_archive_has_that_cannot_be_is_told_and_not_planted() {
    let desk = Desk::offline("odd-archive");
    let place = tempfile::tempdir().unwrap();
    let from = place.path().join("in.zip");
    let long = "n".repeat(300);
    let names = [
        ".git/hooks/pre-commit",
        ".git/config",
        "aux.txt",
        "\u{1b}[31mred",
        &long,
    ];
    zip(&from, &names);
    let folder = place.path().join("site");
    let create = ["project", "create", "site", "--folder"];
    let from = from.to_str().unwrap();
    let rest = [folder.to_str().unwrap(), "--from", from];
    let made = desk.ok(&[&create[..], &rest].concat());
    assert_eq!(made["left_out"], serde_json::json!([".git"]));
    let left = made["left"].as_array().unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].as_str().unwrap().starts_with(&long));
    assert!(folder.join("aux.txt").exists() && !folder.join(".git").exists());

    let import = desk.call(&["versions", "import", "--project", "site", from]);
    for line in [
        "never part of a version: .git\n",
        "aux.txt: it is the name of a device",
    ] {
        assert!(import.stdout.contains(line), "{}", import.stdout);
    }
    let show = ["versions", "show", "--project", "site", "1"];
    let shown = desk.call(&show);
    assert!(
        shown.stdout.contains("+ \\u{1b}[31mred"),
        "{}",
        shown.stdout
    );
    let whole = desk.ok(&show).to_string();
    assert!(whole.contains("\\u001b[31mred"), "{whole}");
}

#[test]
fn an_archive_that_is_refused_leaves_nothing_behind() {
    let desk = Desk::offline("refused-archive");
    let place = tempfile::tempdir().unwrap();
    let from = place.path().join("in.zip");
    zip(&from, &["fine", "../evil"]);
    let folder = place.path().join("new/site");
    let create = ["project", "create", "site", "--folder"];
    let rest = [folder.to_str().unwrap(), "--from", from.to_str().unwrap()];
    let (_, refused) = desk.fails(&[&create[..], &rest].concat());
    assert_eq!(refused["code"], "invalid_archive");
    assert!(!place.path().join("new").exists());
    assert_eq!(desk.ok(&["project", "list"]), serde_json::json!([]));
}

#[test]
fn a_pruning_shows_first_and_keeps_what_is_pinned_named_or_active() {
    let (desk, folder, _) = desk();
    for number in 1..=5 {
        fs::write(folder.path().join("index.html"), format!("{number}")).unwrap();
        desk.ok(&["versions", "save", "--project", "site"]);
    }
    desk.ok(&["versions", "pin", "--project", "site", "1"]);
    desk.ok(&["versions", "name", "--project", "site", "2", "launch"]);
    desk.ok(&["versions", "activate", "--project", "site", "3"]);
    let rule = [
        "versions",
        "prune",
        "--project",
        "site",
        "--last",
        "1",
        "--days",
        "0",
    ];
    let shown = desk.ok(&rule);
    let numbers = |value: &serde_json::Value| -> Vec<u64> {
        let versions = value.as_array().unwrap();
        versions
            .iter()
            .map(|version| version["number"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(numbers(&shown["versions"]), [4]);
    let list = || desk.ok(&["versions", "list", "--project", "site"]);
    assert_eq!(numbers(&list()), [5, 4, 3, 2, 1]);
    desk.ok(&[&rule[..], &["--yes"]].concat());
    assert_eq!(numbers(&list()), [5, 3, 2, 1]);
    let named = desk.ok(&["versions", "show", "--project", "site", "launch"]);
    assert_eq!(named["version"]["number"], 2);
}

#[test]
fn a_folder_that_is_gone_or_another_projects_is_told() {
    let (desk, folder, path) = desk();
    let (_, taken) = desk.fails(&["project", "create", "other", "--folder", &path]);
    assert_eq!(taken["code"], "invalid_folder");
    let listed = desk.ok(&["project", "list"]);
    assert_eq!(
        listed.as_array().unwrap().len(),
        1,
        "nothing is left of what was refused"
    );
    drop(folder);
    let (_, gone) = desk.fails(&["versions", "save", "--project", "site"]);
    assert_eq!(gone["code"], "workspace_gone");
}

#[test]
fn several_processes_save_one_project_at_once_and_none_takes_anothers_number() {
    let (desk, folder, _) = desk();
    let save = ["versions", "save", "--project", "site", "--json"];
    let saving: Vec<_> = (0..4)
        .map(|number| {
            fs::write(
                folder.path().join(format!("part-{number}")),
                [number; 9_000],
            )
            .unwrap();
            desk.command(&save).spawn().unwrap()
        })
        .collect();
    for child in saving {
        let output = child.wait_with_output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(
            output.status.success() || told.contains("nothing_changed"),
            "{told}"
        );
    }
    let listed = desk.ok(&["versions", "list", "--project", "site"]);
    let listed = listed.as_array().unwrap();
    let numbers: Vec<_> = listed
        .iter()
        .map(|v| v["number"].as_u64().unwrap())
        .collect();
    let wanted: Vec<u64> = (1..=numbers.len() as u64).rev().collect();
    assert_eq!(numbers, wanted);
    let check = desk.ok(&["versions", "check", "--read-data"]);
    assert_eq!(check["hurt"], serde_json::json!([]));
    // Whatever each of them met, the last state is kept, or is now.
    desk.call(&save);
    let last = desk.ok(&["versions", "show", "--project", "site", "latest"]);
    assert_eq!(last["version"]["files"], 6);
}

#[test]
fn saves_and_prunings_of_several_processes_at_once_lose_no_version() {
    let (desk, folder, _) = desk();
    let run = |more: &[&str]| {
        let all = [&["versions"], more, &["--project", "site", "--json"]].concat();
        desk.command(&all).output().unwrap()
    };
    std::thread::scope(|scope| {
        for writer in 0..2u8 {
            let (run, folder) = (&run, &folder);
            scope.spawn(move || {
                for round in 0..6u8 {
                    let bytes: Vec<u8> = (0..60_000u32).map(|at| (at / 97) as u8 ^ round).collect();
                    fs::write(folder.path().join(format!("part-{writer}")), bytes).unwrap();
                    run(&["save"]);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..6 {
                let pruned = run(&["prune", "--last", "3", "--days", "0", "--yes"]);
                assert!(pruned.status.success(), "{pruned:?}");
            }
        });
    });
    let check = desk.ok(&["versions", "check", "--read-data"]);
    assert_eq!(check["hurt"], serde_json::json!([]), "{check}");
    let listed = desk.ok(&["versions", "list", "--project", "site"]);
    assert!(listed.as_array().unwrap().len() >= 3, "{listed}");
}

#[test]
fn a_rule_that_keeps_nothing_and_a_name_that_means_another_version_are_refused() {
    let (desk, _folder, _) = desk();
    desk.ok(&["versions", "save", "--project", "site"]);
    let rule = ["--last", "0", "--days", "0", "--yes"];
    let (_, refused) =
        desk.fails(&[&["versions", "prune", "--project", "site"], &rule[..]].concat());
    assert_eq!(refused["code"], "invalid_setting", "{refused}");
    for name in ["latest", "1"] {
        let (_, refused) = desk.fails(&["versions", "name", "--project", "site", "1", name]);
        assert_eq!(refused["code"], "invalid_name", "{refused}");
    }
    let listed = desk.ok(&["versions", "list", "--project", "site"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn a_folder_in_or_around_our_own_data_is_no_projects() {
    let desk = Desk::offline("own-data");
    let home = desk.home();
    for folder in [
        home.clone(),
        home.parent().unwrap().to_owned(),
        home.join("versions"),
    ] {
        fs::create_dir_all(&folder).unwrap();
        let folder = folder.to_str().unwrap();
        let (_, refused) = desk.fails(&["project", "create", "own", "--folder", folder]);
        assert_eq!(refused["code"], "invalid_folder", "{refused}");
    }
}

#[test]
fn a_file_of_any_size_is_shown_whole() {
    let (desk, folder, _) = desk();
    let large: Vec<u8> = (0..9_000_000u32).map(|at| (at / 7_919) as u8).collect();
    fs::write(folder.path().join("large"), &large).unwrap();
    desk.ok(&["versions", "save", "--project", "site"]);
    let arguments = ["versions", "show", "--project", "site", "1", "large"];
    let shown = desk.command(&arguments).output().unwrap();
    assert!(shown.status.success());
    assert!(shown.stdout == large, "{} bytes", shown.stdout.len());
}

#[test]
fn settings_of_a_project_are_kept_checked_and_taken_along() {
    let (desk, folder, _) = desk();
    fn settings<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["project", "settings", "site"][..], more].concat()
    }
    let set = desk.ok(&settings(&["--keep-last", "7", "--ignore", "*.bin"]));
    assert_eq!(set["retention"]["last"], 7);
    assert_eq!(desk.ok(&settings(&[])), set);
    let (_, wrong) = desk.fails(&settings(&["--keep-last", "0"]));
    assert_eq!(wrong["code"], "invalid_setting");
    let saved = desk.ok(&["versions", "save", "--project", "site"]);
    assert_eq!(saved["files"], 1, "logo.bin is left out");
    let preferred = desk.ok(&["settings", "set", "--theme", "light", "--tab-width", "2"]);
    assert_eq!(preferred["editor"]["tab_width"], 2);
    let (_, wrong) = desk.fails(&["settings", "set", "--font-size", "500"]);
    assert_eq!(wrong["code"], "invalid_setting");
    let file = folder.path().parent().unwrap();
    let file = file.join(format!("settings-{}.json", std::process::id()));
    let path = file.to_str().unwrap();
    desk.ok(&["settings", "export", path]);
    desk.ok(&settings(&["--no-ignore"]));
    desk.ok(&["settings", "set", "--theme", "dark", "--tab-width", "8"]);
    desk.ok(&["settings", "import", path]);
    assert_eq!(desk.ok(&settings(&[])), set);
    assert_eq!(desk.ok(&["settings", "show"]), preferred);
    fs::write(&file, "{}").unwrap();
    let (_, refused) = desk.fails(&["settings", "import", path]);
    assert_eq!(refused["code"], "invalid_settings");
    fs::remove_file(file).unwrap();
}

#[test]
fn a_database_that_is_brought_back_lists_again_what_was_saved_after_it_was_exported() {
    let (desk, folder, _) = desk();
    let passphrase = desk.folder().join("sealing");
    fs::write(&passphrase, "a passphrase for the export\n").unwrap();
    let export = desk.folder().join("everything.plimsoll");
    let (passphrase, export) = (passphrase.to_str().unwrap(), export.to_str().unwrap());
    let sealed = ["--passphrase-file", passphrase];
    let save = |text: &str| {
        fs::write(folder.path().join("index.html"), text).unwrap();
        desk.ok(&["versions", "save", "--project", "site", "-m", text])
    };
    save("one");
    desk.ok(&[&["data", "export", export], &sealed[..]].concat());
    save("two");
    save("three");
    let list = || desk.ok(&["versions", "list", "--project", "site"]);
    let before = list();
    let restored = desk.ok(&[&["data", "restore", export], &sealed[..]].concat());
    let back = restored["recalled"]["back"].as_array().unwrap();
    assert_eq!(back.len(), 2, "{restored}");
    assert_eq!(list(), before);
    desk.ok(&["versions", "restore", "--project", "site", "2"]);
    let page = fs::read_to_string(folder.path().join("index.html")).unwrap();
    assert_eq!(page, "two");

    // Said in words, too; and a copy that somebody put there by hand is found at the next command.
    let again = [&["data", "restore", export], &sealed[..]].concat();
    let told = desk.call(&again).stdout;
    assert!(told.contains("Versions 2, 3 of “site”"), "{told}");
    let database = desk.home().join("plimsoll.db");
    let backups = fs::read_dir(desk.home().join("backups")).unwrap();
    let mut backups: Vec<_> = backups.map(|entry| entry.unwrap().path()).collect();
    backups.sort();
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(desk.home().join(format!("plimsoll.db{end}")));
    }
    // It is of the moment of the first export.
    let found = backups
        .iter()
        .find(|path| path.to_str().unwrap().contains("on-request"));
    fs::copy(found.unwrap(), &database).unwrap();
    let numbers = list();
    let numbers = numbers.as_array().unwrap().iter();
    let numbers: Vec<u64> = numbers.map(|row| row["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    let check = desk.ok(&["versions", "check", "--read-data"]);
    assert_eq!(check["hurt"], serde_json::json!([]));
}
