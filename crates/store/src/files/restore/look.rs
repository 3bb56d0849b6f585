//! What lies in the workspace now.

use super::{Left, Restore};
use crate::files::{difference::Difference, ignores::is_never_written, seen::Stat};
use plimsoll_domain::content::{ContentHash, Node, refused_by_windows};
use std::{
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
};

/// What lies at a place.
pub(super) struct There {
    pub(super) node: Node,
    pub(super) metadata: Metadata,
}

impl Left {
    pub(super) fn changed() -> Self {
        Self::Alone("it was changed since it was saved".to_owned())
    }
}

impl Restore {
    /// Where a path lies; never through a link, which might lead out of the workspace, and never in
    /// a folder that belongs to no version.
    pub(super) fn place(&self, path: &str) -> Result<PathBuf, Left> {
        let mut place = self.workspace.clone();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            if is_never_written(part) {
                return Err(Left::Alone(
                    "git's folder and our own are never written".to_owned(),
                ));
            }
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

    /// Whether the store can give back what is about to go: what a damaged pack held may have its only
    /// whole copy here.
    pub(super) fn can_come_back(&self, there: &There, difference: &Difference) -> Result<(), Left> {
        let is_file = matches!(there.node, Node::File { .. });
        match &difference.before {
            Some(node) if is_file => self.reading.content(node, io::sink()).map_err(|error| {
                Left::Alone(format!(
                    "this is its only whole copy, since what was saved of it is damaged ({error}); \
                     `plimsoll versions check --repair` keeps it again"
                ))
            }),
            _ => Ok(()),
        }
    }

    /// What lies at a place now. Reads a file only where its size allows that it is the one that we
    /// look for.
    pub(super) fn observe(
        &self,
        path: &Path,
        difference: &Difference,
    ) -> Result<Option<There>, Left> {
        let alone = |error: io::Error| Left::Alone(error.to_string());
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(alone(error)),
        };
        let kind = metadata.file_type();
        let zero = ContentHash::from_bytes([0; 32]);
        let node = if kind.is_dir() {
            Node::Folder {
                tree: zero,
                files: 0,
                bytes: 0,
            }
        } else if kind.is_symlink() {
            let target = fs::read_link(path).map_err(alone)?;
            Node::Link {
                target: target.to_string_lossy().into_owned(),
            }
        } else if !kind.is_file() {
            // Opening a pipe waits for whoever writes into it.
            return Err(Left::Alone("it is no file and no folder now".to_owned()));
        } else {
            let size = metadata.len();
            let wanted = [&difference.before, &difference.after];
            let maybe = wanted
                .into_iter()
                .flatten()
                .any(|node| matches!(node, Node::File { size: known, .. } if *known == size));
            let hash = if maybe {
                let mut hasher = blake3::Hasher::new();
                let file = File::open(path).map_err(alone)?;
                hasher.update_reader(file).map_err(alone)?;
                ContentHash::from_bytes(*hasher.finalize().as_bytes())
            } else {
                zero
            };
            Node::File {
                size,
                hash,
                chunks: Vec::new(),
                executable: is_executable(&metadata),
            }
        };
        Ok(Some(There { node, metadata }))
    }
}

/// Whether what was seen at a place is what lies there still. When something about it was last changed
/// does not count: that moves when one of two names of a file is taken away.
pub(super) fn is_still(path: &Path, seen: Option<&Metadata>) -> bool {
    let stat = |metadata: &Metadata| {
        let Stat {
            modified, inode, ..
        } = Stat::of(metadata);
        (modified, inode, metadata.len(), metadata.file_type())
    };
    match (path.symlink_metadata(), seen) {
        (Ok(now), Some(seen)) => stat(&now) == stat(seen),
        (Err(error), None) => error.kind() == io::ErrorKind::NotFound,
        (Ok(_), None) | (Err(_), Some(_)) => false,
    }
}

/// Removes a folder that holds nothing but folders of its kind: no version knows it. An error when
/// something is in it, which stays.
pub(super) fn remove_hollow(folder: &Path) -> io::Result<()> {
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
pub(super) fn same(a: Option<&Node>, b: Option<&Node>) -> bool {
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

fn is_executable(metadata: &Metadata) -> bool {
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
