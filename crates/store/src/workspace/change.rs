//! Making, moving and copying files and folders.

use super::{Result, Workspace, WorkspaceError, alone, error::failed, is_absence};
use crate::files::momentary_name;
use plimsoll_domain::{
    content::refused_by_windows,
    path::{FilePath, FolderPath},
};
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// What was copied in from elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// Where it is now, one for each that was given.
    pub paths: Vec<FilePath>,
    /// Files that were copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was left out, each with its reason: links, sockets, devices.
    pub left: Vec<String>,
    /// What was copied and a computer with Windows could not keep, each with its reason.
    pub windows: Vec<String>,
}

impl TakenIn {
    /// Notes a name that Windows refuses.
    fn mind_windows(&mut self, name: &str) {
        if let Some(why) = refused_by_windows(name) {
            self.windows.push(format!("{name}: {why}"));
        }
    }
}

impl Workspace {
    /// Makes an empty file, and the folders above it.
    ///
    /// # Errors
    /// [`WorkspaceError::Exists`].
    pub fn create_file(&self, path: &FilePath) -> Result<()> {
        let _alone = alone();
        self.make_folder(&path.folder())?;
        let place = self.place(path)?;
        match OpenOptions::new().write(true).create_new(true).open(&place) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
            Err(error) => Err(failed("create", &place)(error)),
        }
    }

    /// Makes a folder, and those above it.
    ///
    /// # Errors
    /// [`WorkspaceError::Exists`].
    pub fn create_folder(&self, path: &FilePath) -> Result<()> {
        let _alone = alone();
        self.make_folder(&path.folder())?;
        let place = self.place(path)?;
        match fs::create_dir(&place) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
            Err(error) => Err(failed("create", &place)(error)),
        }
    }

    /// Renames or moves a file, a link or a folder, with what was typed into it; the folders above its
    /// new place are made.
    ///
    /// # Errors
    /// [`WorkspaceError::Exists`] when something is there; [`WorkspaceError::IntoItself`].
    pub fn move_to(&self, from: &FilePath, to: &FilePath) -> Result<()> {
        if from == to {
            return Ok(());
        }
        let _alone = alone();
        let (old, found) = self.look(from)?;
        if to.is_within(from) {
            return Err(WorkspaceError::IntoItself {
                path: from.to_string(),
            });
        }
        self.make_folder(&to.folder())?;
        let new = self.place(to)?;
        match new.symlink_metadata() {
            // Where case does not count, `readme` and `README` are one file.
            Ok(there) if !is_same(&found, &there) => return Err(exists(to)),
            Ok(_) => {}
            Err(error) if is_absence(&error) => {}
            Err(error) => return Err(failed("read", &new)(error)),
        }
        fs::rename(&old, &new).map_err(failed("move", &old))?;
        // It is moved; what was typed is still there, under its old path.
        if let Err(error) = self.drafts().carry(from, to) {
            tracing::warn!("what was typed into {from} does not go along to {to}: {error}");
        }
        Ok(())
    }

    /// Copies files and folders in from anywhere on this machine, into a folder that is made where
    /// it is not there. What has a name that is taken gets another one. Each appears whole or not at
    /// all.
    ///
    /// # Errors
    /// The first one that cannot be copied, as long as nothing was: what fails later is among those
    /// that are left out.
    pub fn take_in(&self, from: &[PathBuf], to: &FolderPath) -> Result<TakenIn> {
        let mut taken = TakenIn::default();
        for source in from {
            let mut with = taken.clone();
            match self.take_one(source, to, &mut with) {
                Ok(()) => taken = with,
                Err(error) if taken.paths.is_empty() => return Err(error),
                Err(error) => {
                    let why = error.evidence().into_iter().next();
                    let why = why.unwrap_or_else(|| error.to_string());
                    taken.left.push(format!("{}: {why}", source.display()));
                }
            }
        }
        Ok(taken)
    }

    fn take_one(&self, source: &Path, to: &FolderPath, taken: &mut TakenIn) -> Result<()> {
        let found = source.metadata().map_err(failed("read", source))?;
        let real = source.canonicalize().map_err(failed("read", source))?;
        let _alone = alone();
        let folder = self.make_folder(to)?;
        let name = source.file_name().and_then(|name| name.to_str());
        let Some(name) = name else {
            taken
                .left
                .push(format!("{}: its name is no Unicode", source.display()));
            return Ok(());
        };
        let inside = folder.canonicalize().map_err(failed("read", &folder))?;
        if found.is_dir() && inside.starts_with(&real) {
            return Err(WorkspaceError::IntoItself {
                path: source.display().to_string(),
            });
        }
        let path = self.free_path(to, name)?;
        let stage = folder.join(momentary_name());
        remove_whatever(&stage);
        let copied = copy_of(&real, &stage, taken)
            .and_then(|()| fs::rename(&stage, self.place(&path)?).map_err(failed("copy", &real)));
        if let Err(error) = copied {
            remove_whatever(&stage);
            return Err(error);
        }
        taken.mind_windows(path.name());
        taken.paths.push(path);
        Ok(())
    }

    /// A path in a folder that nothing has: the name itself, or the name with a number.
    pub(super) fn free_path(&self, folder: &FolderPath, name: &str) -> Result<FilePath> {
        let (stem, ending) = match name.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
            _ => (name, String::new()),
        };
        for number in 1..10_000 {
            let name = match number {
                1 => name.to_owned(),
                number => format!("{stem} ({number}){ending}"),
            };
            let path = folder
                .join(&name)
                .map_err(|error| WorkspaceError::Outside {
                    path: error.path,
                    why: error.why,
                })?;
            if self.place(&path)?.symlink_metadata().is_err() {
                return Ok(path);
            }
        }
        Err(WorkspaceError::Exists {
            path: name.to_owned(),
        })
    }
}

/// Why a computer with Windows could not keep a path, for whoever names something.
pub fn windows_refuses(path: &FilePath) -> Option<&'static str> {
    path.parts().find_map(refused_by_windows)
}

/// Copies a file, or a folder with everything in it, to a place where nothing is. Links are not
/// followed and not copied: they would lead elsewhere there.
pub(super) fn copy_of(from: &Path, to: &Path, taken: &mut TakenIn) -> Result<()> {
    let found = from.symlink_metadata().map_err(failed("read", from))?;
    if found.is_dir() {
        fs::create_dir(to).map_err(failed("create", to))?;
        for entry in fs::read_dir(from).map_err(failed("list", from))? {
            let entry = entry.map_err(failed("list", from))?;
            copy_of(&entry.path(), &to.join(entry.file_name()), taken)?;
            taken.mind_windows(&entry.file_name().to_string_lossy());
        }
        return Ok(());
    }
    if !found.is_file() {
        let why = if found.is_symlink() {
            "a link"
        } else {
            "no file"
        };
        taken.left.push(format!("{}: {why}", from.display()));
        return Ok(());
    }
    // Permissions come along.
    taken.bytes += fs::copy(from, to).map_err(failed("copy", from))?;
    taken.files += 1;
    File::open(to)
        .and_then(|file| file.sync_data())
        .map_err(failed("copy", to))
}

fn remove_whatever(place: &Path) {
    let _ = match place.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(_) => Ok(()),
    };
}

fn exists(path: &FilePath) -> WorkspaceError {
    WorkspaceError::Exists {
        path: path.to_string(),
    }
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    // Two names of one file are two files to whoever moves one of them.
    a.ino() == b.ino() && a.dev() == b.dev() && a.nlink() == 1
}

#[cfg(not(unix))]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    a.is_dir() == b.is_dir() && a.len() == b.len() && a.modified().ok() == b.modified().ok()
}
