//! The files of canvases.

use super::{
    beneath::{self, Shut},
    watch,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use plimsoll_domain::canvas::CanvasPath;
use plimsoll_engine::ports::{CanvasFile, CanvasFiles, PortError, PortResult};
use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// How deep a canvas is listed.
const DEEPEST: usize = 32;

/// The file system.
pub struct CanvasFolders;

#[async_trait]
impl CanvasFiles for CanvasFolders {
    async fn read(&self, root: &Path, path: &[String], limit: u64) -> PortResult<Option<Vec<u8>>> {
        blocking(root, path, "read", move |root, path| {
            let (file, size) = match beneath::file(root, path) {
                Err(Shut::Missing) => return Ok(None),
                opened => opened?,
            };
            let mut content = Vec::new();
            if size <= limit {
                // It may grow while it is read.
                let read = file.take(limit + 1).read_to_end(&mut content);
                read.map_err(Shut::Failed)?;
            }
            if size > limit || content.len() as u64 > limit {
                return Err(Trouble::Large(limit));
            }
            Ok(Some(content))
        })
        .await
    }

    async fn list(
        &self,
        root: &Path,
        folder: &[String],
        limit: usize,
    ) -> PortResult<Option<Vec<CanvasFile>>> {
        blocking(root, folder, "list", move |root, folder| {
            match beneath::folder(root, folder) {
                Err(Shut::Missing) => return Ok(None),
                opened => drop(opened?),
            }
            let mut found = Vec::new();
            list(&below(root, folder), "", limit, &mut found)?;
            found.sort_by(|one: &CanvasFile, other| one.path.cmp(&other.path));
            Ok(Some(found))
        })
        .await
    }

    async fn folders(&self, root: &Path, folder: &[String]) -> PortResult<Vec<String>> {
        blocking(root, folder, "list", move |root, folder| {
            match beneath::folder(root, folder) {
                Err(Shut::Missing) => return Ok(Vec::new()),
                opened => drop(opened?),
            }
            let mut names = Vec::new();
            for entry in std::fs::read_dir(below(root, folder)).map_err(Shut::Failed)? {
                let entry = entry.map_err(Shut::Failed)?;
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    names.extend(entry.file_name().into_string());
                }
            }
            names.sort();
            Ok(names)
        })
        .await
    }

    async fn create(&self, root: &Path, path: &[String], content: &[u8]) -> PortResult<()> {
        let content = content.to_vec();
        blocking(root, path, "write", move |root, path| {
            Ok(beneath::create(root, path, &content)?)
        })
        .await
    }

    async fn watch(
        &self,
        root: &Path,
        folder: &[String],
    ) -> PortResult<BoxStream<'static, Vec<String>>> {
        let there = blocking(root, folder, "watch", |root, folder| {
            drop(beneath::folder(root, folder)?);
            Ok(below(root, folder))
        });
        let there = there.await?;
        watch::changes(root, &there)
    }
}

/// The files below a folder that a preview would serve. Links and hidden names are left out.
fn list(
    folder: &Path,
    above: &str,
    limit: usize,
    found: &mut Vec<CanvasFile>,
) -> Result<(), Trouble> {
    for entry in std::fs::read_dir(folder).map_err(Shut::Failed)? {
        let entry = entry.map_err(Shut::Failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{above}{name}");
        if found.len() >= limit || CanvasPath::parse(&path).is_err() {
            continue;
        }
        // What vanishes while it is listed is not there.
        let Ok(known) = entry.metadata() else {
            continue;
        };
        if known.is_dir() && path.split('/').count() < DEEPEST {
            list(&entry.path(), &format!("{path}/"), limit, found)?;
        } else if known.is_file() {
            let bytes = known.len();
            found.push(CanvasFile { path, bytes });
        }
    }
    Ok(())
}

fn below(root: &Path, parts: &[String]) -> PathBuf {
    parts.iter().fold(root.to_owned(), |at, part| at.join(part))
}

enum Trouble {
    Shut(Shut),
    Large(u64),
}

impl From<Shut> for Trouble {
    fn from(shut: Shut) -> Self {
        Trouble::Shut(shut)
    }
}

async fn blocking<T: Send + 'static>(
    root: &Path,
    parts: &[String],
    doing: &'static str,
    work: impl FnOnce(&Path, &[String]) -> Result<T, Trouble> + Send + 'static,
) -> PortResult<T> {
    let (root, parts) = (root.to_owned(), parts.to_vec());
    let shown = parts.join("/");
    let done = tokio::task::spawn_blocking(move || work(&root, &parts)).await;
    let done = done.map_err(|error| PortError::new("internal", error.to_string()))?;
    done.map_err(|trouble| told(trouble, doing, &shown))
}

fn told(trouble: Trouble, doing: &str, path: &str) -> PortError {
    match trouble {
        Trouble::Large(limit) => PortError::new(
            "canvas_file_large",
            format!(
                "{path} is larger than the {} MiB that a preview gets.",
                limit >> 20
            ),
        )
        .next_step("Make the file smaller, or load it from a host that this canvas may reach."),
        Trouble::Shut(Shut::Missing) => {
            PortError::new("canvas_missing", format!("There is no {path}."))
                .next_step("Begin with the starter, or look for its folder.")
        }
        Trouble::Shut(Shut::There) => {
            PortError::new("canvas_exists", format!("{path} is there already."))
                .next_step("Open it instead.")
        }
        Trouble::Shut(Shut::Refused) => PortError::new(
            "canvas_refused",
            format!("{path} is a link or no plain file, and a canvas has neither."),
        )
        .next_step("Copy the file into the canvas."),
        Trouble::Shut(Shut::Failed(error)) => {
            PortError::new("canvas_unreadable", format!("Could not {doing} {path}."))
                .evidence(error.to_string())
                .next_step("See whether the folder is there and may be read.")
        }
    }
}

#[cfg(all(test, unix))]
#[allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn parts(path: &str) -> Vec<String> {
        path.split('/').map(str::to_owned).collect()
    }

    async fn read(root: &Path, path: &str) -> Result<Option<String>, String> {
        let read = CanvasFolders.read(root, &parts(path), 100).await;
        read.map(|content| content.map(|bytes| String::from_utf8(bytes).unwrap()))
            .map_err(|error| error.code().to_owned())
    }

    #[tokio::test]
    async fn no_link_is_followed_wherever_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        fs::create_dir_all(root.join(".canvas/assets")).unwrap();
        fs::write(root.join(".canvas/index.html"), "page").unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/x"), "secret").unwrap();
        symlink("../../secret", root.join(".canvas/link")).unwrap();
        symlink(
            folder.path().join("outside"),
            root.join(".canvas/assets/out"),
        )
        .unwrap();
        symlink("index.html", root.join(".canvas/inner")).unwrap();
        symlink(folder.path().join("outside"), root.join(".canvases")).unwrap();
        let refused = Err("canvas_refused".to_owned());
        assert_eq!(
            read(&root, ".canvas/index.html").await,
            Ok(Some("page".into()))
        );
        for path in [
            ".canvas/link",
            ".canvas/inner",
            ".canvas/assets/out/x",
            ".canvases/x",
        ] {
            assert_eq!(read(&root, path).await, refused, "{path}");
        }
        for path in [
            ".canvas/none",
            ".canvas/assets",
            ".canvas/index.html/x",
            "none/x",
        ] {
            assert_eq!(read(&root, path).await, Ok(None), "{path}");
        }
        let listed = CanvasFolders.list(&root, &parts(".canvas"), 10).await;
        let listed = listed.unwrap().unwrap();
        assert_eq!(listed.len(), 1, "{listed:?}");
        assert_eq!(listed[0].path, "index.html");
        let folders = CanvasFolders.folders(&root, &parts(".canvases")).await;
        assert_eq!(folders.unwrap_err().code(), "canvas_refused");
    }

    #[tokio::test]
    async fn what_is_no_plain_file_or_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        nix::unistd::mkfifo(
            &root.join("pipe"),
            nix::sys::stat::Mode::from_bits_truncate(0o600),
        )
        .unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        fs::write(root.join("large"), [b'x'; 101]).unwrap();
        assert_eq!(read(root, "pipe").await, Err("canvas_refused".into()));
        assert_eq!(read(root, "socket").await, Err("canvas_refused".into()));
        assert_eq!(read(root, "large").await, Err("canvas_file_large".into()));
    }

    #[tokio::test]
    async fn a_new_file_replaces_nothing_and_goes_through_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&outside).unwrap();
        let create = async |path: &str| {
            let made = CanvasFolders.create(&root, &parts(path), b"new").await;
            made.map_err(|error| error.code().to_owned())
        };
        assert_eq!(create(".canvases/one/index.html").await, Ok(()));
        let exists = Err("canvas_exists".to_owned());
        assert_eq!(create(".canvases/one/index.html").await, exists);
        symlink(&outside, root.join(".canvas")).unwrap();
        let refused = Err("canvas_refused".to_owned());
        assert_eq!(create(".canvas/index.html").await, refused);
        symlink(outside.join("x"), root.join("dangling")).unwrap();
        assert_eq!(create("dangling").await, exists);
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_save_is_told_by_its_path() {
        use futures::StreamExt;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join(".canvas/assets")).unwrap();
        let canvas = parts(".canvas");
        let mut changes = CanvasFolders.watch(&root, &canvas).await.unwrap();
        fs::write(root.join(".canvas/assets/a.css"), "a{}").unwrap();
        fs::write(root.join(".canvas/.hidden"), "x").unwrap();
        fs::write(root.join(".canvas/draft"), "<p>").unwrap();
        fs::rename(root.join(".canvas/draft"), root.join(".canvas/index.html")).unwrap();
        let mut told = std::collections::BTreeSet::new();
        while !told.contains("index.html") {
            let soon = std::time::Duration::from_secs(5);
            let news = tokio::time::timeout(soon, changes.next()).await.unwrap();
            told.extend(news.unwrap());
        }
        assert!(told.contains("assets/a.css"), "{told:?}");
        assert!(!told.iter().any(|path| path.contains("hidden")), "{told:?}");
    }

    #[tokio::test]
    async fn a_canvas_that_goes_and_comes_back_is_followed_on() {
        use futures::StreamExt;
        for canvas in [".canvas", ".canvases/sale"] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().canonicalize().unwrap();
            let place = root.join(canvas);
            fs::create_dir_all(&place).unwrap();
            let mut changes = CanvasFolders.watch(&root, &parts(canvas)).await.unwrap();
            let mut next = async || {
                let soon = std::time::Duration::from_secs(5);
                let news = tokio::time::timeout(soon, changes.next()).await;
                news.unwrap_or_else(|_| panic!("{canvas}: nothing was told"))
                    .unwrap()
            };
            // As a checkout does: all of it goes, and is made anew.
            let top = root.join(canvas.split('/').next().unwrap());
            fs::rename(&top, root.join("aside")).unwrap();
            assert_eq!(next().await, Vec::<String>::new(), "{canvas}");
            fs::create_dir_all(&place).unwrap();
            // Until it is told that everything may have changed, what is written is not told by itself.
            let everything = Vec::<String>::new();
            assert_eq!(next().await, everything, "{canvas}");
            loop {
                fs::write(place.join("index.html"), "<p>").unwrap();
                if next().await == ["index.html"] {
                    break;
                }
            }
        }
    }
}
