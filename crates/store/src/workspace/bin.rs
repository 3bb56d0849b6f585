//! The bin: what was deleted, until somebody empties it. It lies outside the project's folder, so
//! that neither git nor an image finds it.

use super::{Result, Workspace, WorkspaceError, alone, change, error::failed, make_private};
use plimsoll_domain::{Timestamp, path::FilePath};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The folder of the bin, in the place aside.
const BIN: &str = "bin";
/// What was deleted, in its own folder in the bin.
const CONTENT: &str = "content";
/// What is known of it.
const ABOUT: &str = "about.json";

/// Something in the bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinEntry {
    /// By which it is found again.
    pub id: String,
    /// Where it was.
    pub path: FilePath,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// What was taken out of the bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restoration {
    /// Where it is now.
    pub path: FilePath,
    /// Where it was; something else is there now when the two differ.
    pub was: FilePath,
}

impl Workspace {
    /// Puts a file, a link or a folder into the bin. `id` names it there: letters and digits, never
    /// used before, growing with time.
    ///
    /// # Errors
    /// [`WorkspaceError::NotRemoved`] when all of it is in the bin and some of it is still where it was.
    pub fn delete(&self, path: &FilePath, id: &str, now: Timestamp) -> Result<BinEntry> {
        let _alone = alone();
        let (place, found) = self.look(path)?;
        let (files, bytes) = size_of(&place);
        let entry = BinEntry {
            id: id.to_owned(),
            path: path.clone(),
            is_folder: found.is_dir(),
            files,
            bytes,
            deleted_at: now,
        };
        let folder = self.entry_folder(id)?;
        make_private(&folder)?;
        write_about(&folder, &entry)?;
        match carry(&place, &folder.join(CONTENT)) {
            Ok(Carried::Moved) => Ok(entry),
            Ok(Carried::NotRemoved(source)) => Err(WorkspaceError::NotRemoved {
                path: path.to_string(),
                source,
            }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    /// What is in the bin, newest first.
    pub fn bin(&self) -> Result<Vec<BinEntry>> {
        let bin = self.aside.join(BIN);
        let listed = match fs::read_dir(&bin) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("list", &bin)(error)),
        };
        let mut entries = Vec::new();
        for folder in listed {
            let folder = folder.map_err(failed("list", &bin))?.path();
            // Without its content it was never deleted: the program ended in between.
            if folder.join(CONTENT).symlink_metadata().is_err() {
                continue;
            }
            match read_about(&folder) {
                Some(entry) => entries.push(entry),
                None => tracing::warn!("{} in the bin cannot be read", folder.display()),
            }
        }
        entries.sort_by(|a, b| (b.deleted_at, &b.id).cmp(&(a.deleted_at, &a.id)));
        Ok(entries)
    }

    /// Puts something back where it was; under another name when something else is there now.
    ///
    /// # Errors
    /// [`WorkspaceError::NotInBin`].
    pub fn restore(&self, id: &str) -> Result<Restoration> {
        let _alone = alone();
        let folder = self.entry_folder(id)?;
        let entry = read_about(&folder).ok_or(WorkspaceError::NotInBin)?;
        if folder.join(CONTENT).symlink_metadata().is_err() {
            return Err(WorkspaceError::NotInBin);
        }
        self.make_folder(&entry.path.folder())?;
        let path = self.free_path(&entry.path.folder(), entry.path.name())?;
        carry(&folder.join(CONTENT), &self.place(&path)?)?;
        // What is left of it holds nothing that is not back, too.
        let _ = fs::remove_dir_all(&folder);
        Ok(Restoration {
            path,
            was: entry.path,
        })
    }

    /// Removes something from the bin for good, or everything; answers how many and their bytes.
    pub fn empty_bin(&self, only: Option<&str>) -> Result<(u64, u64)> {
        let _alone = alone();
        let mut gone = (0, 0);
        for entry in self.bin()? {
            if only.is_none_or(|id| id == entry.id) {
                let folder = self.entry_folder(&entry.id)?;
                fs::remove_dir_all(&folder).map_err(failed("remove", &folder))?;
                gone = (gone.0 + 1, gone.1 + entry.bytes);
            }
        }
        match (gone, only) {
            ((0, _), Some(_)) => Err(WorkspaceError::NotInBin),
            _ => Ok(gone),
        }
    }

    fn entry_folder(&self, id: &str) -> Result<PathBuf> {
        let is_id = !id.is_empty() && id.len() <= 64;
        if is_id
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Ok(self.aside.join(BIN).join(id));
        }
        Err(WorkspaceError::NotInBin)
    }
}

fn write_about(folder: &Path, entry: &BinEntry) -> Result<()> {
    let about = folder.join(ABOUT);
    File::create(&about)
        .and_then(|mut file| {
            serde_json::to_writer(&mut file, entry)?;
            file.flush()?;
            file.sync_all()
        })
        .map_err(failed("write", &about))
}

fn read_about(folder: &Path) -> Option<BinEntry> {
    serde_json::from_slice(&fs::read(folder.join(ABOUT)).ok()?).ok()
}

/// What became of something that was to be moved. All of it is at its new place.
enum Carried {
    Moved,
    /// Some of it is still at the old place, too.
    NotRemoved(io::Error),
}

/// Moves something, also to another disk: then it is copied whole before it is removed. After an
/// error nothing is at the new place and everything at the old one.
fn carry(from: &Path, to: &Path) -> Result<Carried> {
    match fs::rename(from, to) {
        Ok(()) => return Ok(Carried::Moved),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        Err(error) => return Err(failed("move", from)(error)),
    }
    if let Err(error) = copy_all(from, to) {
        let _ = remove(to);
        return Err(error);
    }
    // From here on the copy is the only whole one.
    Ok(match remove(from) {
        Ok(()) => Carried::Moved,
        Err(error) => Carried::NotRemoved(error),
    })
}

/// As [`change::copy_of`], with links as they are: this is the same thing in another place.
fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let found = from.symlink_metadata().map_err(failed("read", from))?;
    if found.is_dir() {
        fs::create_dir(to).map_err(failed("create", to))?;
        for entry in fs::read_dir(from).map_err(failed("list", from))? {
            let entry = entry.map_err(failed("list", from))?;
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
        return fs::set_permissions(to, found.permissions()).map_err(failed("create", to));
    }
    #[cfg(unix)]
    if found.is_symlink() {
        let target = fs::read_link(from).map_err(failed("read", from))?;
        return std::os::unix::fs::symlink(target, to).map_err(failed("copy", to));
    }
    let mut counted = change::TakenIn::default();
    change::copy_of(from, to, &mut counted)?;
    match counted.left.is_empty() {
        true => Ok(()),
        // A socket or a device cannot be kept.
        false => Err(failed("move", from)(io::ErrorKind::Unsupported.into())),
    }
}

fn remove(place: &Path) -> io::Result<()> {
    match place.symlink_metadata()?.is_dir() {
        true => fs::remove_dir_all(place),
        false => fs::remove_file(place),
    }
}

/// Files in something, and their bytes.
fn size_of(place: &Path) -> (u64, u64) {
    let Ok(found) = place.symlink_metadata() else {
        return (0, 0);
    };
    if !found.is_dir() {
        return (1, if found.is_file() { found.len() } else { 0 });
    }
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries.fold((0, 0), |(files, bytes), entry| {
        let (more, size) = size_of(&entry.path());
        (files + more, bytes + size)
    })
}
