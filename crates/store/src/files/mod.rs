//! The files of projects, version by version: content-addressed, never changed, proved on reading.
//!
//! A version is the hash of a tree; a tree names its files' content by hash. Content lies in packs
//! ([`pack`]), an index says where ([`index`]). Everything is written in an order that a power cut
//! at any moment leaves every saved version readable: objects, flushed; the pack's name, flushed;
//! the index, in one transaction; and only then, by the caller, the version: first its record, beside
//! the packs ([`Records`]), and then its row.

mod archive;
mod check;
mod difference;
#[cfg(any(test, feature = "fuzzing"))]
pub mod doors;
mod ignored;
mod ignores;
mod index;
mod keeping;
mod mend;
mod pack;
mod prune;
mod read;
mod records;
mod restore;
mod save;
mod seen;
mod trees;
mod walk;

pub use archive::{Imported, MOST_ENTRIES, Remarks};
pub use check::{Check, Hurt};
pub use difference::Difference;
pub use ignored::{Rules, check_patterns};
pub use ignores::{Ignores, is_never_saved, momentary_name};
pub use mend::Mended;
pub use prune::{Planned, Pruned, Pruning};
pub use records::{Record, RecordId, Records};
pub use restore::Restored;
pub use save::{Progress, Saved};
pub(crate) use walk::{Found, Listed, Visit, walk};

use crate::{Result, StoreError, lock::Held};
use index::Index;
use plimsoll_domain::content::ContentHash;
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Read by walking a workspace, beside `.gitignore`.
pub const IGNORE_FILE: &str = ".plimsollignore";
/// Our own folder in a workspace: the bin. Never part of a version.
pub const OWN_FOLDER: &str = ".plimsoll";

/// The folder of the packs.
const PACKS: &str = "packs";
/// How long a save waits for a pruning, and the other way round.
const PATIENCE: Duration = Duration::from_secs(30);

/// The store of all projects' files. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
    packs: PathBuf,
    index: Index,
    records: Records,
}

/// While it is held, nothing that was just saved is pruned. Keep it until the version is recorded.
#[derive(Debug)]
pub struct Guard(#[allow(dead_code)] Held);

impl Files {
    /// Opens the store in a folder, creating it; an index that is damaged is made anew.
    pub async fn open(folder: &Path) -> Result<Self> {
        let packs = folder.join(PACKS);
        fs::create_dir_all(&packs).map_err(failed("create", &packs))?;
        let alone = Held::wait(
            || Held::try_alone(&folder.join("opening.lock")),
            PATIENCE,
            "open",
        );
        let opening = alone.await?;
        let index = Index::open(folder).await?;
        drop(opening);
        let files = Self {
            folder: folder.to_owned(),
            packs,
            index,
            records: Records::of(folder),
        };
        // What saves that were cut off have left is put in order when nobody is at work.
        if let Some(_alone) = Held::try_alone(&files.lock())?
            && let Err(error) = files.tidy().await
        {
            tracing::warn!("what an interrupted save left stays for now: {error}");
        }
        Ok(files)
    }

    async fn tidy(&self) -> Result<()> {
        self.adopt().await?;
        self.sweep()?;
        self.records.sweep()
    }

    /// The records of versions that lie beside the packs.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Waits until nobody prunes, and keeps a pruning away.
    pub async fn unpruned(&self) -> Result<Guard> {
        self.beside_others().await
    }

    /// Whether there is anything of a state: its tree has a place in a pack that is there.
    pub async fn knows(&self, root: ContentHash) -> Result<bool> {
        let found = self.index.find(root).await?;
        Ok(found.is_some_and(|(pack, _)| pack::pack_path(&self.packs, &pack).is_file()))
    }

    /// Closes it.
    pub async fn close(&self) {
        self.index.close().await;
    }

    /// Bytes on the disk.
    pub async fn bytes(&self) -> Result<u64> {
        Ok(self
            .index
            .packs()
            .await?
            .iter()
            .map(|pack| pack.bytes)
            .sum())
    }

    /// What the index places in packs that are not there, or not as long as they were: at a glance, not
    /// by reading.
    async fn missing_content(&self) -> Result<HashSet<ContentHash>> {
        let mut missing = HashSet::new();
        for known in self.index.packs().await? {
            let found = pack::pack_path(&self.packs, &known.name).metadata();
            let is_there = found.is_ok_and(|found| found.len() == known.bytes);
            if known.condemned_ms.is_none() && !is_there {
                let placed = self.index.objects_of(known.id).await?;
                missing.extend(placed.into_iter().map(|(hash, _)| hash));
            }
        }
        Ok(missing)
    }

    /// Whether there is nothing of any of these states.
    pub async fn misses_any(&self, roots: &[ContentHash]) -> Result<bool> {
        for root in roots {
            if !self.knows(*root).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether anything waits to be deleted by a later pruning.
    pub async fn condemned_any(&self) -> Result<bool> {
        let packs = self.index.packs().await?;
        Ok(packs.iter().any(|pack| pack.condemned_ms.is_some()))
    }

    async fn beside_others(&self) -> Result<Guard> {
        let lock = self.lock();
        Held::wait(|| Held::try_shared(&lock), PATIENCE, "save files")
            .await
            .map(Guard)
    }

    async fn alone(&self) -> Result<Guard> {
        let lock = self.lock();
        Held::wait(|| Held::try_alone(&lock), PATIENCE, "prune files")
            .await
            .map(Guard)
    }

    fn lock(&self) -> PathBuf {
        self.folder.join("files.lock")
    }
}

/// The names of the packs that lie in a folder.
fn packs_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
        let name = entry.map_err(failed("list", folder))?.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".pack")) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Blocking work, away from the threads that serve everybody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| index::cut_short())?
}

/// A moment at which a test kills the process.
#[cfg(test)]
use tests::fuse::burn;
#[cfg(not(test))]
fn burn() {}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File {
        doing,
        path,
        source,
    }
}

#[cfg(test)]
mod tests;
