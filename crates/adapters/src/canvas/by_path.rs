//! Opening below a folder where the system knows no opening within a folder that is open: each part
//! is looked at before it is entered, and what was opened is looked at again.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// Why something was not opened.
#[derive(Debug)]
pub(super) enum Shut {
    /// It is not there.
    Missing,
    /// It is there already.
    There,
    /// It is a link, or neither file nor folder.
    Refused,
    /// The system said no.
    Failed(std::io::Error),
}

impl From<std::io::Error> for Shut {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Shut::Missing,
            ErrorKind::AlreadyExists => Shut::There,
            _ => Shut::Failed(error),
        }
    }
}

/// A folder below `root`, which itself may be a link.
pub(super) fn folder(root: &Path, parts: &[String]) -> Result<PathBuf, Shut> {
    let mut at = root.canonicalize()?;
    for part in parts {
        at.push(part);
        let found = fs::symlink_metadata(&at)?;
        // Junctions count as links here.
        if found.is_symlink() {
            return Err(Shut::Refused);
        }
        if !found.is_dir() {
            return Err(Shut::Missing);
        }
    }
    Ok(at)
}

/// Opens a file below `root`; answers its size as well.
pub(super) fn file(root: &Path, parts: &[String]) -> Result<(File, u64), Shut> {
    let (name, above) = parts.split_last().ok_or(Shut::Refused)?;
    let path = folder(root, above)?.join(name);
    let found = fs::symlink_metadata(&path)?;
    if found.is_dir() {
        return Err(Shut::Missing);
    }
    if !found.is_file() {
        return Err(Shut::Refused);
    }
    let file = File::open(&path)?;
    if path.canonicalize()? != path {
        return Err(Shut::Refused);
    }
    let size = file.metadata()?.len();
    Ok((file, size))
}

/// Writes a new file below `root`, making the folders above it.
pub(super) fn create(root: &Path, parts: &[String], content: &[u8]) -> Result<(), Shut> {
    let (name, above) = parts.split_last().ok_or(Shut::Refused)?;
    for depth in 0..above.len() {
        let at = folder(root, &above[..depth])?.join(&above[depth]);
        match fs::create_dir(&at) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    let path = folder(root, above)?.join(name);
    let mut file = File::create_new(&path)?;
    if let Err(error) = file.write_all(content).and_then(|()| file.sync_all()) {
        // Half a page is of no use to anybody.
        let _ = fs::remove_file(&path);
        return Err(Shut::Failed(error));
    }
    Ok(())
}
