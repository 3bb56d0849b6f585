//! Saved states as zip archives, out and in. An archive comes from anywhere and is trusted with
//! nothing: no name and no link leaves the folder, and nothing grows beyond its bounds.

mod bounds;
mod links;
mod names;
mod read;
mod tree;
mod write;

pub use read::MOST_ENTRIES;

use super::{
    Files, Guard, failed,
    keeping::{Broken, Keeping, Kept},
    momentary_name,
    read::Reading,
};
use crate::{Result, StoreError};
use plimsoll_domain::{Timestamp, content::ContentHash};
use serde::Serialize;
use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};
use tokio::runtime::Handle;

/// Most names that are told of each kind.
const TOLD: usize = 100;

/// An archive that was taken in.
#[derive(Debug)]
pub struct Imported {
    /// Its tree.
    pub root: ContentHash,
    /// Files in it.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes by which the store grew.
    pub added_bytes: u64,
    /// What a person should know about it.
    pub remarks: Remarks,
    /// Keeps a pruning away until the version is recorded.
    pub guard: Guard,
}

/// What a person should know about an archive that was taken in: the first hundred names of each
/// kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Remarks {
    /// What was left out with everything in it, since it is never part of a version: git's folder
    /// and our own.
    pub left_out: Vec<String>,
    /// Names that are no UTF-8. They were read as code page 437, which is what the format says;
    /// programs of many countries write their own code page instead and do not say which.
    pub read_as_437: Vec<String>,
    /// What a computer with Windows could not keep, each with the reason.
    pub refused_by_windows: Vec<String>,
}

impl Files {
    /// Writes a saved state as a zip archive, which appears when it is complete. Equal states give
    /// equal archives.
    pub async fn export(&self, root: ContentHash, to: &Path) -> Result<()> {
        let _guard = self.beside_others().await?;
        let reading = Reading::new(self, Handle::current());
        let to = to.to_owned();
        super::blocking(move || {
            let part = to.with_file_name(momentary_name());
            let written = write::write(&reading, root, &part)
                .and_then(|()| std::fs::rename(&part, &to).map_err(failed("rename", &part)));
            if written.is_err() {
                let _ = std::fs::remove_file(&part);
            }
            written
        })
        .await
    }

    /// Takes a zip archive in as a saved state.
    ///
    /// # Errors
    /// [`StoreError::BadArchive`] with the entry that cannot be; nothing is kept of it then.
    pub async fn import(&self, from: &Path, now: Timestamp) -> Result<Imported> {
        let guard = self.beside_others().await?;
        let (files, from) = (self.clone(), from.to_owned());
        let runtime = Handle::current();
        super::blocking(move || {
            let file = File::open(&from).map_err(failed("open", &from))?;
            let keeping = Keeping::new(&files, runtime, now, true)?;
            let taken = read::read(BufReader::new(file), &keeping)?;
            let added_bytes = keeping.finish(None)?;
            Ok(Imported {
                root: taken.root,
                files: taken.files,
                bytes: taken.bytes,
                added_bytes,
                remarks: taken.remarks,
                guard,
            })
        })
        .await
    }
}

/// Reads bytes as an archive; answers its tree, its files and their bytes.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn read_bytes(bytes: &[u8], to: &impl Keep) -> Result<(ContentHash, u64, u64)> {
    let taken = read::read(std::io::Cursor::new(bytes), to)?;
    Ok((taken.root, taken.files, taken.bytes))
}

/// Where the content of an archive goes.
pub(super) trait Keep {
    /// Keeps an object.
    fn keep(&self, bytes: &[u8]) -> Result<ContentHash>;
    /// Keeps what a reader gives; answers its bytes, too.
    fn keep_stream(&self, from: impl Read) -> std::result::Result<(Kept, u64), Broken>;
}

impl Keep for Keeping {
    fn keep(&self, bytes: &[u8]) -> Result<ContentHash> {
        Keeping::keep(self, bytes)
    }
    fn keep_stream(&self, from: impl Read) -> std::result::Result<(Kept, u64), Broken> {
        Keeping::keep_stream(self, from)
    }
}

fn refuse(entry: &str, why: impl Into<String>) -> StoreError {
    let entry = entry
        .chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect();
    StoreError::BadArchive {
        entry,
        why: why.into(),
    }
}
