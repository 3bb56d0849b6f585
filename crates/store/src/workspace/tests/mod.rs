//! Files in a folder of its own.

mod bins;
mod searches;
mod writes;

use super::*;
use plimsoll_domain::content::ContentHash;
use std::fs;

struct Ground {
    folder: tempfile::TempDir,
    workspace: Workspace,
}

impl Ground {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        fs::create_dir(&root).unwrap();
        for (path, text) in files {
            let file = root.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let aside = folder.path().join("aside");
        let workspace = Workspace::open(&root, &aside).unwrap();
        Self { folder, workspace }
    }
    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("project")
    }
    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }
    /// Everything that lies in the folder.
    fn all(&self) -> Vec<String> {
        let mut found: Vec<String> = ignore::WalkBuilder::new(self.root())
            .standard_filters(false)
            .build()
            .map(|entry| entry.unwrap().into_path())
            .filter_map(|path| {
                let inner = path.strip_prefix(self.root()).unwrap();
                Some(inner.to_str()?.to_owned()).filter(|path| !path.is_empty())
            })
            .collect();
        found.sort();
        found
    }
}

fn path(text: &str) -> FilePath {
    FilePath::parse(text).unwrap()
}

fn folder(text: &str) -> FolderPath {
    FolderPath::parse(text).unwrap()
}

fn plain(text: &str) -> NewText {
    NewText {
        text: text.to_owned(),
        ending: LineEnding::Lf,
        has_mark: false,
    }
}

fn names(ground: &Ground, path: &str) -> Vec<String> {
    let entries = ground.workspace.list(&folder(path)).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

#[test]
fn a_folder_is_listed_by_itself_and_says_what_is_ignored() {
    let ground = Ground::new(&[
        (".gitignore", "*.log\nnode_modules\n"),
        (".git/HEAD", ""),
        ("b.txt", "12345"),
        ("A.txt", ""),
        ("trace.log", ""),
        ("src/deep/x.rs", ""),
        ("node_modules/a/i.js", ""),
    ]);
    let entries = ground.workspace.list(&folder("")).unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.is_ignored, entry.bytes))
        .collect();
    assert_eq!(
        told,
        [
            ("node_modules", true, 0),
            ("src", false, 0),
            (".gitignore", false, 19),
            ("A.txt", false, 0),
            ("b.txt", false, 5),
            ("trace.log", true, 0),
        ]
    );
    assert_eq!(names(&ground, "src"), ["deep"]);
    assert!(ground.workspace.list(&folder("node_modules/a")).unwrap()[0].is_ignored);
    let missing = ground.workspace.list(&folder("none")).unwrap_err();
    assert_eq!(missing.code(), "file_missing");
}

#[test]
fn what_the_settings_of_a_project_leave_out_is_ignored_in_the_tree_and_by_searches() {
    let ground = Ground::new(&[
        (".gitignore", "!drafts/b.txt\n"),
        ("drafts/b.txt", "word"),
        ("a.txt", "word"),
        ("a.min.js", "word"),
    ]);
    let patterns = ["drafts/", "*.js", "[", "!a.txt"].map(str::to_owned);
    let workspace = ground.workspace.clone().ignoring(&patterns);
    let ignored = |path: &str| -> Vec<(String, bool)> {
        let entries = workspace.list(&folder(path)).unwrap();
        let told = entries
            .into_iter()
            .map(|entry| (entry.name, entry.is_ignored));
        told.collect()
    };
    let told = |name: &str, is_ignored: bool| (name.to_owned(), is_ignored);
    assert_eq!(
        ignored(""),
        [
            told("drafts", true),
            told(".gitignore", false),
            told("a.min.js", true),
            told("a.txt", false)
        ]
    );
    assert_eq!(ignored("drafts"), [told("b.txt", true)]);
    let query = Query {
        text: "word".into(),
        ..Query::default()
    };
    let end = workspace.search(&query, None, &Default::default(), &|hits| {
        assert_eq!(hits.path, path("a.txt"));
    });
    assert_eq!(end.unwrap().hits, 1);
}

#[test]
fn a_folder_that_vanished_is_told_as_such() {
    let ground = Ground::new(&[("a", "")]);
    fs::rename(ground.root(), ground.folder.path().join("away")).unwrap();
    let codes = [
        ground.workspace.list(&folder("")).unwrap_err().code(),
        ground.workspace.read(&path("a")).unwrap_err().code(),
        ground
            .workspace
            .create_file(&path("x/b"))
            .unwrap_err()
            .code(),
    ];
    assert_eq!(codes, ["workspace_gone"; 3]);
    assert!(Workspace::open(&ground.root(), ground.folder.path()).is_err());
}

#[test]
#[cfg(unix)]
fn no_link_leads_anybody_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let ground = Ground::new(&[("a.txt", "mine")]);
    let outside = ground.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "theirs").unwrap();
    symlink(&outside, ground.root().join("way")).unwrap();
    symlink(outside.join("secret"), ground.root().join("link")).unwrap();
    let it = &ground.workspace;
    let entries = it.list(&folder("")).unwrap();
    assert!(matches!(&entries[1].kind, EntryKind::Link(target) if target.ends_with("secret")));
    assert!(matches!(
        it.read(&path("link")).unwrap().content,
        Content::Link(_)
    ));
    let seen = Some(ContentHash::of(b"theirs"));
    let refused = [
        it.list(&folder("way")).unwrap_err(),
        it.read(&path("way/secret")).unwrap_err(),
        it.write(&path("way/secret"), &plain("x"), seen)
            .unwrap_err(),
        it.write(&path("link"), &plain("x"), seen).unwrap_err(),
        it.write(&path("way/new"), &plain("x"), None).unwrap_err(),
        it.create_file(&path("way/new")).unwrap_err(),
        it.create_folder(&path("way/new/er")).unwrap_err(),
        it.move_to(&path("a.txt"), &path("way/a.txt")).unwrap_err(),
        it.delete(&path("way/secret"), "1", Timestamp::from_millis(0))
            .unwrap_err(),
        it.take_in(&[ground.root().join("a.txt")], &folder("way"))
            .unwrap_err(),
        it.write(&path(".git/config"), &plain("x"), None)
            .unwrap_err(),
        it.create_file(&path("sub/.git/hooks/x")).unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.code(), "path_outside", "{error}");
    }
    assert_eq!(
        fs::read_to_string(outside.join("secret")).unwrap(),
        "theirs"
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    // A link itself can be deleted; what it points to stays.
    it.delete(&path("link"), "2", Timestamp::from_millis(0))
        .unwrap();
    it.restore("2").unwrap();
    assert!(ground.root().join("link").is_symlink());
    let query = Query {
        text: "theirs".into(),
        ..Query::default()
    };
    let end = it.search(&query, None, &Default::default(), &|hits| {
        panic!("{hits:?}")
    });
    assert_eq!(end.unwrap().hits, 0);
}

use plimsoll_domain::Timestamp;
