//! Putting a saved state, or a part of it, back into a workspace.
//!
//! Only what differs from the state that was just saved is touched, and a file that was changed
//! since is left alone: nothing that is not saved is ever overwritten.

mod disk;
mod going;
mod look;
mod put;

use super::{
    Files,
    difference::{self, Difference},
    failed,
    read::{Reading, joined},
};
use crate::{Result, StoreError};
use plimsoll_domain::content::{ContentHash, Node};
use std::{
    collections::HashMap,
    fs, io,
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
    /// A power cut at any moment leaves every file as it was or as it is to be, never in between: what
    /// is new is flushed under a name of its own before it takes the old one's place, and the old one is
    /// in `present`. Restoring again goes on.
    ///
    /// # Errors
    /// A full disk ([`StoreError::File`]), before anything is written where that can be foreseen;
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
            found.retain(|found| {
                only.as_deref()
                    .is_none_or(|only| is_within(&found.path, only))
            });
            let restore = Restore {
                workspace,
                reading,
                lasting: true,
            };
            restore.run(found)
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
            let restored = restore.run(found)?;
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
    fn run(&self, differences: Vec<Difference>) -> Result<Restored> {
        let mut restored = Restored::default();
        disk::need_room(&self.workspace, &differences)?;
        // What goes first makes room for what comes: a file where a folder stood.
        let (going, coming): (Vec<_>, Vec<_>) = differences
            .into_iter()
            .partition(|difference| difference.after.is_none());
        for difference in going.iter().rev() {
            let gone = self.take_away(difference);
            restored.removed += u64::from(restored.done(difference, gone)?);
        }
        for batch in put::batches(&coming) {
            self.put(batch, &mut restored)?;
        }
        if self.lasting && restored.written > 0 {
            let places = coming.iter().map(|difference| &difference.path);
            disk::settle(&self.workspace, places)?;
        }
        Ok(restored)
    }
}

impl Restored {
    /// Notes what became of a difference; answers whether anything was done.
    fn done(
        &mut self,
        difference: &Difference,
        outcome: std::result::Result<bool, Left>,
    ) -> Result<bool> {
        match outcome {
            Ok(done) => Ok(done),
            Err(Left::Alone(why)) => {
                self.left.push(format!("{}: {why}", difference.path));
                Ok(false)
            }
            Err(Left::Broken(error)) => Err(error),
        }
    }
}

/// Why something was not restored.
enum Left {
    /// This one cannot be; the others can.
    Alone(String),
    /// Nothing more can be.
    Broken(StoreError),
}

impl Left {
    /// What the system says about one place. A full disk is full for all.
    fn of(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Broken(failed(doing, &path)(error))
            }
            _ => Self::Alone(error.to_string()),
        }
    }
}
