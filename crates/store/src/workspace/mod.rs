//! The files in a project's folder: listed, read, written, moved, searched. Everything here blocks.
//!
//! Nothing is ever overwritten that was not seen: whoever writes says what was read. No link is
//! followed, so nothing outside the folder is read or changed, whatever lies in it. What is deleted
//! goes into a bin outside the folder.

mod bin;
mod change;
mod drafts;
mod error;
mod search;
pub(crate) mod text;
mod tree;

pub use bin::{BinEntry, Restoration};
pub use change::{TakenIn, windows_refuses};
pub use drafts::{Draft, Drafts};
pub use error::{Result, WorkspaceError};
pub use search::{FileHits, Hit, MOST_HITS, Query, Replaced, SearchEnd};
pub use text::{Content, FileRead, LineEnding, MOST_TEXT, NewText, Writing, Written};
pub use tree::{EntryKind, TreeEntry};

use crate::files::Rules;
use error::failed;
use plimsoll_domain::{
    path::{FilePath, FolderPath},
    preferences::Limits,
};
use std::{
    fs::{DirBuilder, Metadata},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// One write at a time in this process: what was compared is what is replaced.
static WRITING: Mutex<()> = Mutex::new(());

/// A project's folder, and the place outside it where its bin and its drafts are kept.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    aside: PathBuf,
    rules: Rules,
    most_text: u64,
}

impl Workspace {
    /// A folder that is there, with usual settings.
    ///
    /// # Errors
    /// [`WorkspaceError::Gone`] when it is not.
    pub fn open(root: &Path, aside: &Path) -> Result<Self> {
        if !root.is_dir() {
            return Err(WorkspaceError::Gone {
                path: root.to_owned(),
            });
        }
        Ok(Self {
            root: root.to_owned(),
            aside: aside.to_owned(),
            rules: Rules::readable(root, &[]),
            most_text: Limits::default().text_bytes,
        })
    }

    /// What was typed into its files and not saved.
    pub fn drafts(&self) -> Drafts {
        Drafts::at(&self.aside)
    }

    /// Leaves out of searches what these patterns name, besides what ignore files do.
    pub fn ignoring(self, patterns: &[String]) -> Self {
        Self {
            rules: Rules::readable(&self.root, patterns),
            ..self
        }
    }

    /// Reads and searches texts of so many bytes at most.
    pub fn with_texts_up_to(self, bytes: u64) -> Self {
        Self {
            most_text: bytes.min(MOST_TEXT),
            ..self
        }
    }

    /// Where a path lies; its folders have to be folders, not links to some.
    fn place(&self, path: &FilePath) -> Result<PathBuf> {
        let folder = self.folder(&path.folder())?;
        if crate::files::is_never_saved(path.name()) {
            return Err(outside(path.as_str(), "it belongs to git or to Plimsoll"));
        }
        Ok(folder.join(path.name()))
    }

    /// Where a folder lies.
    fn folder(&self, path: &FolderPath) -> Result<PathBuf> {
        let mut place = self.root.clone();
        if !place.is_dir() {
            return Err(WorkspaceError::Gone { path: place });
        }
        for part in path.parts() {
            if crate::files::is_never_saved(part) {
                return Err(outside(path.as_str(), "it belongs to git or to Plimsoll"));
            }
            place.push(part);
            match place.symlink_metadata() {
                Ok(found) if found.is_dir() => {}
                Ok(found) if found.is_symlink() => {
                    return Err(outside(path.as_str(), "a link is on the way"));
                }
                Ok(_) => {
                    return Err(WorkspaceError::NoFolder {
                        path: path.to_string(),
                    });
                }
                Err(error) if is_absence(&error) => return Err(self.missing(path.as_str())),
                Err(error) => return Err(failed("read", &place)(error)),
            }
        }
        Ok(place)
    }

    /// What lies at a path, without following a link.
    fn look(&self, path: &FilePath) -> Result<(PathBuf, Metadata)> {
        let place = self.place(path)?;
        match place.symlink_metadata() {
            Ok(found) => Ok((place, found)),
            Err(error) if is_absence(&error) => Err(self.missing(path.as_str())),
            Err(error) => Err(failed("read", &place)(error)),
        }
    }

    /// Something is not there: itself, or the whole folder.
    fn missing(&self, path: &str) -> WorkspaceError {
        if self.root.is_dir() {
            WorkspaceError::Missing {
                path: path.to_owned(),
            }
        } else {
            WorkspaceError::Gone {
                path: self.root.clone(),
            }
        }
    }

    /// Makes the folder of a path and those above it.
    fn make_folder(&self, path: &FolderPath) -> Result<PathBuf> {
        let mut made = FolderPath::default();
        for part in path.parts() {
            let next = made.join(part).map_err(|error| WorkspaceError::Outside {
                path: error.path,
                why: error.why,
            })?;
            let place = self.place(&next)?;
            if let Err(error) = std::fs::create_dir(&place)
                && error.kind() != io::ErrorKind::AlreadyExists
            {
                return Err(failed("create", &place)(error));
            }
            made = next.as_folder();
        }
        self.folder(path)
    }
}

fn outside(path: &str, why: &'static str) -> WorkspaceError {
    WorkspaceError::Outside {
        path: path.to_owned(),
        why,
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Makes a folder that only its owner may read.
fn make_private(folder: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed("create", folder))
}

fn alone() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
