//! Putting a saved state, or a part of it, back into a workspace.
//!
//! Only what differs from the state that was just saved is touched, and a file that was changed
//! since is left alone: nothing that is not saved is ever overwritten.

use super::{
    Files, difference, failed,
    read::{Reading, joined},
};
use crate::{Result, StoreError};
use plimsoll_domain::content::{ContentHash, Node, refused_by_windows};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};
use tokio::runtime::Handle;

/// What a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Files and links that were written.
    pub written: u64,
    /// Files and links that were removed; the state before holds them.
    pub removed: u64,
    /// What was left alone, each with its reason.
    pub left: Vec<String>,
}

impl Files {
    /// Makes a workspace what `wanted` says. `present` is the state that was saved just before;
    /// `only` limits the restore to a file or folder.
    ///
    /// # Errors
    /// [`StoreError::DamagedContent`] when a file cannot be read from the store: those before it
    /// are restored already, and restoring again goes on.
    pub async fn restore(
        &self,
        workspace: &Path,
        present: Option<ContentHash>,
        wanted: ContentHash,
        only: Option<&str>,
    ) -> Result<Restored> {
        let _guard = self.beside_others().await?;
        let reading = Reading::new(self, Handle::current());
        let (workspace, only) = (workspace.to_owned(), only.map(str::to_owned));
        super::blocking(move || {
            if !workspace.is_dir() {
                return Err(StoreError::WorkspaceGone { path: workspace });
            }
            let folder = |tree| Node::Folder {
                tree,
                files: 0,
                bytes: 0,
            };
            let mut found = Vec::new();
            let (before, after) = (present.map(folder), folder(wanted));
            difference::compare(&reading, "", before.as_ref(), Some(&after), &mut found)?;
            let restore = Restore {
                workspace,
                reading,
                lasting: true,
            };
            restore.run(found.into_iter().filter(|found| {
                only.as_deref()
                    .is_none_or(|only| is_within(&found.path, only))
            }))
        })
        .await
    }
}

impl Files {
    /// Writes a saved state into a folder that is empty. What was written is a copy that can be
    /// made again, so nothing is flushed to the disk.
    ///
    /// # Errors
    /// [`StoreError::Unrestored`] with what this system cannot hold.
    pub async fn unpack(&self, tree: ContentHash, to: &Path) -> Result<()> {
        let _guard = self.beside_others().await?;
        let reading = Reading::new(self, Handle::current());
        let to = to.to_owned();
        super::blocking(move || {
            let mut found = Vec::new();
            let wanted = Node::Folder {
                tree,
                files: 0,
                bytes: 0,
            };
            difference::compare(&reading, "", None, Some(&wanted), &mut found)?;
            let restore = Restore {
                workspace: to,
                reading,
                lasting: false,
            };
            let restored = restore.run(found.into_iter())?;
            if restored.left.is_empty() {
                return Ok(());
            }
            Err(StoreError::Unrestored {
                files: restored.left,
            })
        })
        .await
    }
}

impl Files {
    /// Whether a folder has the files of a saved state and no others, by their names and sizes.
    pub async fn holds(&self, tree: ContentHash, folder: &Path) -> Result<bool> {
        let reading = Reading::new(self, Handle::current());
        let folder = folder.to_owned();
        super::blocking(move || {
            let mut wanted = HashMap::new();
            reading.walk(tree, "", &mut |path, node| {
                if let Node::File { size, .. } = node {
                    wanted.insert(path.to_owned(), *size);
                }
                Ok(())
            })?;
            let mut same = true;
            let mut folders = vec![(folder, String::new())];
            while let Some((folder, below)) = folders.pop() {
                let broken = || failed("list", &folder);
                for entry in fs::read_dir(&folder).map_err(broken())? {
                    let entry = entry.map_err(broken())?;
                    let metadata = entry.metadata().map_err(broken())?;
                    let path = joined(&below, &entry.file_name().to_string_lossy());
                    if metadata.is_dir() {
                        folders.push((entry.path(), path));
                    } else if metadata.is_file() {
                        same &= wanted.remove(&path) == Some(metadata.len());
                    }
                }
            }
            Ok(same && wanted.is_empty())
        })
        .await
    }
}

fn is_within(path: &str, only: &str) -> bool {
    path == only
        || path
            .strip_prefix(only)
            .is_some_and(|rest| rest.starts_with('/'))
}

struct Restore {
    workspace: PathBuf,
    reading: Reading,
    /// Whether what is written has to outlast a power cut.
    lasting: bool,
}

impl Restore {
    fn run(&self, differences: impl Iterator<Item = difference::Difference>) -> Result<Restored> {
        let mut restored = Restored::default();
        // What goes first makes room for what comes: a file where a folder stood.
        let (going, coming): (Vec<_>, Vec<_>) =
            differences.partition(|difference| difference.after.is_none());
        for difference in going.iter().rev().chain(&coming) {
            match self.one(difference, &mut restored) {
                Ok(()) => {}
                Err(Left::Alone(why)) => {
                    restored.left.push(format!("{}: {why}", difference.path));
                }
                Err(Left::Broken(error)) => return Err(error),
            }
        }
        Ok(restored)
    }

    fn one(
        &self,
        difference: &difference::Difference,
        restored: &mut Restored,
    ) -> std::result::Result<(), Left> {
        let path = self.place(&difference.path)?;
        let mut there = self.observe(&path, difference)?;
        let is_no_folder = matches!(
            difference.after,
            Some(Node::File { .. } | Node::Link { .. })
        );
        if is_no_folder
            && matches!(there, Some(Node::Folder { .. }))
            && remove_hollow(&path).is_ok()
        {
            there = None;
        }
        if same(there.as_ref(), difference.after.as_ref()) {
            return Ok(());
        }
        // A folder that is empty in a version may be missing: most tools do not keep such folders.
        let was_empty = matches!(difference.before, Some(Node::Folder { .. })) && there.is_none();
        if !was_empty && !same(there.as_ref(), difference.before.as_ref()) {
            return Err(Left::Alone("it was changed since it was saved".to_owned()));
        }
        match &difference.after {
            None => self.remove(&path, there.as_ref(), restored),
            Some(node) => self.write(&path, node, restored),
        }
    }

    /// Where a path lies; never through a link, which might lead out of the workspace.
    fn place(&self, path: &str) -> std::result::Result<PathBuf, Left> {
        let mut place = self.workspace.clone();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            if cfg!(windows)
                && let Some(why) = refused_by_windows(part)
            {
                return Err(Left::Alone(format!("Windows refuses the name: {why}")));
            }
            place.push(part);
            if parts.peek().is_some()
                && let Ok(metadata) = place.symlink_metadata()
                && !metadata.is_dir()
            {
                return Err(Left::Alone(
                    "a folder above it is something else now".to_owned(),
                ));
            }
        }
        Ok(place)
    }

    /// What lies at a place now, as a node. Reads a file only where its size allows that it is the
    /// one that we look for.
    fn observe(
        &self,
        path: &Path,
        difference: &difference::Difference,
    ) -> std::result::Result<Option<Node>, Left> {
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Left::Alone(error.to_string())),
        };
        let kind = metadata.file_type();
        let zero = ContentHash::from_bytes([0; 32]);
        if kind.is_dir() {
            return Ok(Some(Node::Folder {
                tree: zero,
                files: 0,
                bytes: 0,
            }));
        }
        if kind.is_symlink() {
            let target = fs::read_link(path).map_err(|error| Left::Alone(error.to_string()))?;
            let target = target.to_string_lossy().into_owned();
            return Ok(Some(Node::Link { target }));
        }
        let size = metadata.len();
        let wanted = [&difference.before, &difference.after];
        let maybe = wanted
            .into_iter()
            .flatten()
            .any(|node| matches!(node, Node::File { size: known, .. } if *known == size));
        let hash = if maybe {
            let mut hasher = blake3::Hasher::new();
            let file = File::open(path).map_err(|error| Left::Alone(error.to_string()))?;
            hasher
                .update_reader(file)
                .map_err(|error| Left::Alone(error.to_string()))?;
            ContentHash::from_bytes(*hasher.finalize().as_bytes())
        } else {
            zero
        };
        Ok(Some(Node::File {
            size,
            hash,
            chunks: Vec::new(),
            executable: is_executable(&metadata),
        }))
    }

    fn remove(
        &self,
        path: &Path,
        there: Option<&Node>,
        restored: &mut Restored,
    ) -> std::result::Result<(), Left> {
        if matches!(there, Some(Node::Folder { .. })) {
            // One that is not empty holds what no version knows: ignored files stay.
            let _ = fs::remove_dir(path);
            return Ok(());
        }
        fs::remove_file(path).map_err(|error| Left::Alone(error.to_string()))?;
        restored.removed += 1;
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| *folder != self.workspace) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
            above = folder.parent();
        }
        Ok(())
    }

    fn write(
        &self,
        path: &Path,
        node: &Node,
        restored: &mut Restored,
    ) -> std::result::Result<(), Left> {
        let folder = path.parent().unwrap_or(&self.workspace);
        fs::create_dir_all(folder)
            .map_err(|error| Left::Broken(failed("create", folder)(error)))?;
        match node {
            Node::Folder { .. } => {
                // A file that became a folder; the state before holds it.
                let _ = fs::remove_file(path);
                fs::create_dir_all(path).map_err(|error| Left::Alone(error.to_string()))?;
                return Ok(());
            }
            Node::Link { target } => {
                let _ = fs::remove_file(path);
                link(target, path).map_err(|error| Left::Alone(error.to_string()))?;
            }
            Node::File { executable, .. } => {
                // A folder that became a file; what is in it and ignored keeps it.
                let _ = fs::remove_dir(path);
                let name = format!(".plimsoll-{}.tmp", std::process::id());
                let beside = folder.join(name);
                let broken = |error| Left::Broken(failed("write", path)(error));
                let written = File::create(&beside)
                    .map_err(broken)
                    .and_then(|file| {
                        let mut file = BufWriter::new(file);
                        self.reading
                            .content(node, &mut file)
                            .map_err(Left::Broken)?;
                        file.flush().map_err(broken)?;
                        let file = file.get_ref();
                        if *executable {
                            make_executable(file).map_err(broken)?;
                        }
                        if self.lasting {
                            file.sync_data().map_err(broken)?;
                        }
                        Ok(())
                    })
                    .and_then(|()| fs::rename(&beside, path).map_err(broken));
                if written.is_err() {
                    let _ = fs::remove_file(&beside);
                }
                written?;
            }
        }
        restored.written += 1;
        Ok(())
    }
}

enum Left {
    Alone(String),
    Broken(StoreError),
}

/// Removes a folder that holds nothing but folders of its kind: no version knows it. An error when
/// something is in it, which stays.
fn remove_hollow(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        remove_hollow(&entry.path())?;
    }
    fs::remove_dir(folder)
}

/// Whether two nodes hold the same; folders are told apart from what is no folder only.
fn same(a: Option<&Node>, b: Option<&Node>) -> bool {
    match (a, b) {
        (
            Some(Node::File {
                hash: a,
                executable: x,
                ..
            }),
            Some(Node::File {
                hash: b,
                executable: y,
                ..
            }),
        ) => a == b && (x == y || cfg!(not(unix))),
        (Some(Node::Link { target: a }), Some(Node::Link { target: b })) => a == b,
        (Some(Node::Folder { .. }), Some(Node::Folder { .. })) | (None, None) => true,
        _ => false,
    }
}

#[cfg(unix)]
fn link(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn link(_: &str, _: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "this system makes symbolic links for administrators only",
    ))
}

#[cfg(unix)]
fn make_executable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &File) -> io::Result<()> {
    Ok(())
}

fn is_executable(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o100 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}
