//! A record of every version, beside the packs: what its row in the database says.
//!
//! A database may be put back to an earlier copy, and then knows nothing of the versions that were
//! saved after it. Their records do: from them the rows are made anew, and what they name is needed
//! by every pruning. A record is written before its row and removed after it, so that whatever cuts
//! an act off, no version is without both.

use super::{momentary_name, pack::sync_folder};
use crate::{Result, StoreError};
use plimsoll_domain::{ProjectId, VersionId, content::ContentHash, name::Name, version::Version};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The folder of the records.
const RECORDS: &str = "records";
/// How a record's file ends.
const RECORD: &str = "version";
/// How one ends whose content is gone.
const LOST: &str = "lost";
/// How one ends that is being written.
const GROWING: &str = "growing";

/// What is known about a version beside the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version, as its row was when it was written.
    pub version: Version,
    /// What its project was called.
    pub project: Name,
}

/// Which version a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The project.
    pub project: ProjectId,
    /// The version.
    pub version: VersionId,
}

impl From<&Version> for RecordId {
    fn from(version: &Version) -> Self {
        Self {
            project: version.project_id,
            version: version.id,
        }
    }
}

/// The records in a folder. Cloning is cheap; nothing has to be open.
#[derive(Debug, Clone)]
pub struct Records {
    folder: PathBuf,
}

impl Records {
    /// Those of a store of files.
    pub fn of(files: &Path) -> Self {
        Self {
            folder: files.join(RECORDS),
        }
    }

    /// Writes a record, in place of what was recorded of the version before. It is on the disk when
    /// this answers.
    ///
    /// # Errors
    /// [`StoreError::File`], such as for a full disk: then what was recorded before stands.
    pub async fn write(&self, record: Record) -> Result<()> {
        self.write_all(vec![record]).await
    }

    /// Writes several.
    ///
    /// # Errors
    /// [`StoreError::File`]: some of them are written then.
    pub async fn write_all(&self, records: Vec<Record>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let folder = self.folder.clone();
        super::blocking(move || {
            create_private(&folder)?;
            for record in &records {
                put(&folder, record)?;
            }
            sync_folder(&folder)?;
            super::burn();
            Ok(())
        })
        .await
    }

    /// Which versions have a record. Those whose content is gone are not among them.
    pub async fn list(&self) -> Result<Vec<RecordId>> {
        self.ending(RECORD).await
    }

    /// Which versions have a record that was set aside, since their content is gone.
    pub async fn set_aside(&self) -> Result<Vec<RecordId>> {
        self.ending(LOST).await
    }

    async fn ending(&self, end: &'static str) -> Result<Vec<RecordId>> {
        let folder = self.folder.clone();
        super::blocking(move || {
            let mut found: Vec<RecordId> = names_in(&folder)?
                .iter()
                .filter_map(|name| parse(name, end))
                .collect();
            found.sort_unstable();
            Ok(found)
        })
        .await
    }

    /// What a record says; `None` when there is none, or when it is damaged.
    ///
    /// # Errors
    /// [`StoreError::File`] when it is there and the disk does not give it.
    pub async fn read(&self, id: RecordId) -> Result<Option<Record>> {
        let path = self.path(id, RECORD);
        super::blocking(move || match fs::read(&path) {
            Ok(bytes) => Ok(decode(&bytes, id)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(super::failed("read", &path)(error)),
        })
        .await
    }

    /// Removes records; `Ok` for those that are not there.
    pub async fn remove(&self, ids: Vec<RecordId>) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let this = self.clone();
        super::blocking(move || {
            let mut removed = false;
            for id in ids {
                for end in [RECORD, LOST] {
                    removed |= remove(&this.path(id, end))?;
                }
            }
            if removed {
                sync_folder(&this.folder)?;
            }
            Ok(())
        })
        .await
    }

    /// Sets a record aside whose content is gone, until [`Records::take_up`].
    pub async fn lose(&self, id: RecordId) -> Result<()> {
        self.rename(id, RECORD, LOST).await
    }

    /// Counts a record again that was set aside: its content may be there again.
    pub async fn take_up(&self, id: RecordId) -> Result<()> {
        self.rename(id, LOST, RECORD).await
    }

    async fn rename(&self, id: RecordId, from: &'static str, to: &'static str) -> Result<()> {
        let (from, to) = (self.path(id, from), self.path(id, to));
        super::blocking(move || match fs::rename(&from, &to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(super::failed("rename", &from)(error)),
        })
        .await
    }

    /// Removes what a write that was cut off has left. Nobody writes at the moment.
    pub(super) fn sweep(&self) -> Result<()> {
        for name in names_in(&self.folder)? {
            if name.ends_with(GROWING) {
                remove(&self.folder.join(name))?;
            }
        }
        Ok(())
    }

    fn path(&self, id: RecordId, end: &str) -> PathBuf {
        self.folder.join(file_name(id, end))
    }
}

/// `{project}.{version}.{end}`: who looks for the versions of a project reads no others.
fn file_name(id: RecordId, end: &str) -> String {
    format!("{}.{}.{end}", id.project, id.version)
}

fn parse(name: &str, end: &str) -> Option<RecordId> {
    let (ids, found) = name.rsplit_once('.')?;
    let (project, version) = ids.split_once('.')?;
    let id = RecordId {
        project: project.parse().ok()?,
        version: version.parse().ok()?,
    };
    (found == end).then_some(id)
}

/// The names in the folder; none when it is not there yet.
fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(super::failed("list", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(super::failed("list", folder))?.file_name();
        names.extend(name.into_string());
    }
    Ok(names)
}

fn put(folder: &Path, record: &Record) -> Result<()> {
    let bytes = encode(record)?;
    let growing = folder.join(format!("{}.{GROWING}", momentary_name()));
    let placed = write_new(&growing, &bytes).and_then(|()| {
        super::burn();
        let path = folder.join(file_name(RecordId::from(&record.version), RECORD));
        fs::rename(&growing, &path).map_err(super::failed("put in place", &path))
    });
    if placed.is_err() {
        // On a full disk every byte counts.
        let _ = fs::remove_file(&growing);
    }
    super::burn();
    placed
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = OpenOptions::new();
    // One that a killed process of our id has left is in nobody's hands.
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = options.open(path).and_then(|mut file: File| {
        file.write_all(bytes)?;
        super::burn();
        file.sync_all()
    });
    written.map_err(super::failed("write", path))
}

/// A line with the hash of what follows, and the record as JSON.
fn encode(record: &Record) -> Result<Vec<u8>> {
    let text = serde_json::to_string(record).map_err(|error| StoreError::Unreadable {
        noun: "versions",
        id: record.version.id.to_string(),
        why: error.to_string(),
    })?;
    Ok(format!("{}\n{text}\n", ContentHash::of(text.as_bytes())).into_bytes())
}

/// What was encoded; `None` when it is anything else.
fn decode(bytes: &[u8], id: RecordId) -> Option<Record> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (hash, text) = text.strip_suffix('\n')?.split_once('\n')?;
    if hash.parse() != Ok(ContentHash::of(text.as_bytes())) {
        return None;
    }
    let record: Record = serde_json::from_str(text).ok()?;
    (RecordId::from(&record.version) == id).then_some(record)
}

/// Removes a file; answers whether it was there.
fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => {
            super::burn();
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(super::failed("remove", path)(error)),
    }
}

fn create_private(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder
        .create(folder)
        .map_err(super::failed("create", folder))?;
    match folder.parent() {
        Some(above) => sync_folder(above),
        None => Ok(()),
    }
}
