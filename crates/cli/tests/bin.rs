//! What was deleted from a project's files, by the command.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::Desk;

#[test]
fn what_was_put_into_the_bin_comes_back_until_it_is_emptied() {
    let desk = Desk::offline("bin");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("index.html");
    fs::write(&file, "<h1>one</h1>\n").unwrap();
    let path = folder.path().to_str().unwrap();
    desk.ok(&["project", "create", "site", "--folder", path]);
    let bin = |words: &[&str]| {
        let (verb, rest) = words.split_first().unwrap();
        desk.ok(&[&["bin", verb, "--project", "site"], rest].concat())
    };
    let entry = bin(&["put", "index.html"]);
    assert!(!file.exists());
    let listed = bin(&["list"]);
    assert_eq!(listed[0], entry);
    fs::write(&file, "another\n").unwrap();
    let back = bin(&["restore", entry["id"].as_str().unwrap()]);
    assert_eq!(back["path"], "index (2).html");
    assert_eq!(fs::read_to_string(&file).unwrap(), "another\n");
    bin(&["put", "index.html"]);
    assert_eq!(bin(&["empty"])["entries"], 1);
    assert_eq!(bin(&["list"]), serde_json::json!([]));
    let (_, refused) = desk.fails(&["bin", "put", "--project", "site", "../x"]);
    assert_eq!(refused["code"], "invalid_path");
}
