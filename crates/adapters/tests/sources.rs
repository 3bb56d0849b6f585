//! Build contexts from real folders.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use nix::{sys::stat::Mode, unistd::mkfifo};
use plimsoll_adapters::sources::Folders;
use plimsoll_engine::ports::{Context, PortError, Sources};
use plimsoll_protocol::{ContextFile, ContextFileKind, manifest_hash};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Read,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::{Path, PathBuf},
    time::Duration,
};

struct Tree {
    folder: tempfile::TempDir,
    aside: tempfile::TempDir,
}

impl Tree {
    fn with(files: &[(&str, &str)]) -> Self {
        let tree = Self {
            folder: tempfile::tempdir().unwrap(),
            aside: tempfile::tempdir().unwrap(),
        };
        for (path, content) in files {
            tree.write(path, content);
        }
        tree
    }
    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }
    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fn cache(&self) -> PathBuf {
        self.aside.path().join("cache")
    }
    async fn scan(&self) -> Result<Context, PortError> {
        Folders.scan(self.folder.path(), &self.cache()).await
    }
    async fn refused(&self, code: &str, naming: &str) {
        let error = self.scan().await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert!(error.0.message.contains(naming), "{error:?}");
        assert!(!error.0.next_step.is_empty());
    }
}

fn paths(context: &Context) -> Vec<&str> {
    context
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect()
}

fn hashes(context: &Context) -> Vec<String> {
    context.files.iter().filter_map(hash_of).collect()
}

fn hash_of(file: &ContextFile) -> Option<String> {
    match &file.kind {
        ContextFileKind::File { hash, .. } => Some(hash.clone()),
        ContextFileKind::Link { .. } | ContextFileKind::Folder => None,
    }
}

/// Reads a packed body as the protocol describes it.
fn unpacked(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut bytes = Vec::new();
    zstd::Decoder::new(fs::File::open(path).unwrap())
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    let mut rest = bytes.as_slice();
    let mut contents = BTreeMap::new();
    while !rest.is_empty() {
        let (hash, after) = rest.split_at(32);
        let (length, after) = after.split_at(8);
        let length = u64::from_le_bytes(length.try_into().unwrap());
        let (content, after) = after.split_at(usize::try_from(length).unwrap());
        contents.insert(hex::encode(hash), content.to_vec());
        rest = after;
    }
    contents
}

#[tokio::test]
async fn strange_names_and_contents_travel_intact() {
    let names = [
        "-rf",
        "it's \"here\"",
        "$(id)",
        "`id`",
        "line\nbreak",
        "tab\t",
        "ünï/cödé 🚢",
        " lead",
        "trail ",
        "a\\b",
        "*?[x]",
        "#hash",
        "!bang",
        "--/-",
        "\u{202e}gnp.exe",
    ];
    let tree = Tree::with(&[]);
    for name in names {
        tree.write(name, &format!("content of {name}"));
    }
    tree.write("empty", "");
    tree.write("same", "content of -rf");
    let context = tree.scan().await.unwrap();
    assert_eq!(context.files.len(), names.len() + 2);
    let to = tree.aside.path().join("body");
    let written = Folders
        .pack(&context, &hashes(&context), &to)
        .await
        .unwrap();
    assert_eq!(written, fs::metadata(&to).unwrap().len());
    let contents = unpacked(&to);
    for name in names {
        let file = context.files.iter().find(|file| file.path == name).unwrap();
        let content = &contents[&hash_of(file).unwrap()];
        assert_eq!(content, format!("content of {name}").as_bytes());
    }
    assert_eq!(
        contents.len(),
        names.len() + 1,
        "equal contents travel once"
    );
    let total: u64 = names.iter().map(|name| name.len() as u64 + 11).sum::<u64>() + 14;
    assert_eq!(context.total_bytes, total);
    assert_eq!(context.manifest, manifest_hash(&context.files));
    assert!(context.files.is_sorted_by(|a, b| a.path < b.path));
}

#[tokio::test]
async fn links_folders_and_modes_are_kept() {
    let tree = Tree::with(&[
        ("bin/run", "#!/bin/sh\n"),
        ("data/x.tmp", ""),
        ("docs/a", "a"),
    ]);
    fs::set_permissions(tree.path("bin/run"), fs::Permissions::from_mode(0o744)).unwrap();
    fs::create_dir(tree.path("empty")).unwrap();
    symlink("../docs/a", tree.path("bin/link")).unwrap();
    symlink("nowhere", tree.path("broken")).unwrap();
    tree.write(".dockerignore", "**/*.tmp\n");
    let context = tree.scan().await.unwrap();
    let wanted = [
        ".dockerignore",
        "bin/link",
        "bin/run",
        "broken",
        "data",
        "docs/a",
        "empty",
    ];
    assert_eq!(paths(&context), wanted);
    let kind = |path: &str| {
        let file = context.files.iter().find(|file| file.path == path).unwrap();
        (file.kind.clone(), file.executable)
    };
    assert!(kind("bin/run").1);
    assert!(!kind("docs/a").1);
    assert_eq!(
        kind("bin/link").0,
        ContextFileKind::Link {
            target: "../docs/a".into()
        }
    );
    assert_eq!(kind("data").0, ContextFileKind::Folder);
    assert_eq!(kind("empty").0, ContextFileKind::Folder);
}

#[tokio::test]
async fn links_that_leave_the_folder_are_refused_by_name() {
    for target in ["/etc/passwd", "../outside", "a/../../b", "..", "self/.."] {
        let tree = Tree::with(&[("a/file", "")]);
        symlink(".", tree.path("self")).unwrap();
        symlink(target, tree.path("a link")).unwrap();
        tree.refused("source_link_outside", "a link").await;
        tree.write(".dockerignore", "a link\n");
        assert!(tree.scan().await.is_ok());
    }
}

#[tokio::test]
async fn what_cannot_travel_is_refused_by_name() {
    let tree = Tree::with(&[]);
    mkfifo(&tree.path("a pipe"), Mode::S_IRWXU).unwrap();
    tree.refused("source_not_a_file", "a pipe").await;

    let tree = Tree::with(&[]);
    let name = OsStr::from_bytes(b"not \xff utf8");
    if fs::write(tree.folder.path().join(name), "").is_ok() {
        tree.refused("source_name_not_utf8", "not ").await;
    }

    let error = Folders
        .scan(Path::new("/nowhere/at all"), Path::new("/x"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "source_missing");
    let tree = Tree::with(&[(".dockerignore", "ok\n[a\n")]);
    let error = tree.scan().await.unwrap_err();
    assert_eq!(
        (error.code(), error.0.evidence[0].as_str()),
        ("dockerignore_invalid", "[a")
    );
}

#[tokio::test]
async fn an_unreadable_file_is_refused_by_name() {
    if nix::unistd::getuid().is_root() {
        println!("skipped: root reads everything");
        return;
    }
    let tree = Tree::with(&[("locked", "")]);
    fs::set_permissions(tree.path("locked"), fs::Permissions::from_mode(0o0)).unwrap();
    tree.refused("source_unreadable", "locked").await;
}

#[tokio::test]
async fn a_file_that_changes_or_vanishes_meanwhile_is_not_sent() {
    let tree = Tree::with(&[("a", "one"), ("b", "two")]);
    let context = tree.scan().await.unwrap();
    let to = tree.aside.path().join("body");
    for (change, code) in [("oné", "source_changed"), ("ONE", "source_changed")] {
        tree.write("a", change);
        let error = Folders
            .pack(&context, &hashes(&context), &to)
            .await
            .unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.0.retryable);
        assert!(!to.exists(), "half a body was left");
    }
    fs::remove_file(tree.path("a")).unwrap();
    let error = Folders
        .pack(&context, &hashes(&context), &to)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "source_vanished");
    let unknown = vec!["00".repeat(32)];
    let error = Folders.pack(&context, &unknown, &to).await.unwrap_err();
    assert_eq!(error.code(), "source_changed");
}

#[tokio::test]
async fn unchanged_files_are_not_read_again() {
    let tree = Tree::with(&[("old", "old"), ("young", "young")]);
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let first = tree.scan().await.unwrap();
    // A cache that lies is believed only for files whose traces are the same.
    let real = hashes(&first);
    let lie = "f".repeat(64);
    let cached = fs::read_to_string(tree.cache()).unwrap();
    fs::write(
        tree.cache(),
        real.iter()
            .fold(cached, |text, hash| text.replace(hash, &lie)),
    )
    .unwrap();
    tree.write("young", "YOUNG");
    let second = tree.scan().await.unwrap();
    assert_eq!(hashes(&second)[0], lie, "the file was read again");
    assert_eq!(
        hashes(&second)[1],
        blake3::hash(b"YOUNG").to_hex().to_string()
    );
    // What has just changed may change again unseen, so it is not remembered.
    assert!(!fs::read_to_string(tree.cache()).unwrap().contains("young"));
    for damaged in ["", "other format\n", "plimsoll stat cache 1\n{"] {
        fs::write(tree.cache(), damaged).unwrap();
        assert_eq!(hashes(&tree.scan().await.unwrap())[0], real[0]);
    }
}

#[tokio::test]
async fn without_a_dockerignore_repositories_and_modules_stay_behind() {
    let files = [
        (".git/HEAD", ""),
        ("node_modules/a/b.js", ""),
        ("web/node_modules/c.js", ""),
    ];
    let tree = Tree::with(&files);
    tree.write("web/app.js", "");
    tree.write(".gitignore", "app.js");
    assert_eq!(
        paths(&tree.scan().await.unwrap()),
        [".gitignore", "web/app.js"]
    );
    tree.write(".dockerignore", "# nothing\n");
    assert_eq!(tree.scan().await.unwrap().files.len(), 6);
}

#[tokio::test]
async fn what_the_build_itself_needs_is_sent_even_when_ignored() {
    let tree = Tree::with(&[("Dockerfile", ""), ("src/a", ""), ("b", "")]);
    tree.write(".dockerignore", "*\n!src\n");
    assert_eq!(
        paths(&tree.scan().await.unwrap()),
        [".dockerignore", "Dockerfile", "src/a"]
    );
}

#[tokio::test]
async fn only_text_inside_the_folder_is_read() {
    let tree = Tree::with(&[("Dockerfile", "FROM scratch\n"), ("sub/large", "12345")]);
    fs::write(tree.path("binary"), [0xff, 0xfe]).unwrap();
    symlink("/etc/passwd", tree.path("out")).unwrap();
    let read = async |path: &str| Folders.read_text(tree.folder.path(), path, 13).await;
    assert_eq!(
        read("Dockerfile").await.unwrap().as_deref(),
        Some("FROM scratch\n")
    );
    for missing in ["nothing", "sub", "Dockerfile/x"] {
        assert_eq!(read(missing).await.unwrap(), None, "{missing}");
    }
    for (path, code) in [
        ("../x", "source_path_outside"),
        ("/etc/passwd", "source_path_outside"),
        ("sub/../../x", "source_path_outside"),
        ("", "source_path_outside"),
        ("out", "source_path_outside"),
        ("binary", "source_not_text"),
    ] {
        assert_eq!(read(path).await.unwrap_err().code(), code, "{path}");
    }
    let error = Folders
        .read_text(tree.folder.path(), "sub/large", 4)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "source_too_large");
}
