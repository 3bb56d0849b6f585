//! Files that are whole or not there.

use crate::error::{AgentError, Result};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Makes a folder and those above it, with this mode.
pub fn folder(path: &Path, mode: u32) -> Result<()> {
    fs::create_dir_all(path).map_err(AgentError::file("make the folder", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(AgentError::file("set the rights of", path))
}

/// Writes a file whole: to a temporary name beside it, synced, moved into place, the folder synced.
pub fn write_whole(path: &Path, mode: u32, content: &[u8]) -> Result<()> {
    let temporary = path.with_extension("writing");
    let written = (|| {
        // A left-over may carry other rights: `mode` only applies to a file that is created.
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    written.map_err(AgentError::file("write", path))?;
    sync_parent(path)
}

/// Copies a file over another one's name, whole or not at all.
pub fn copy_whole(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let temporary = to.with_extension("writing");
    fs::copy(from, &temporary)
        .and_then(|_| fs::set_permissions(&temporary, fs::Permissions::from_mode(mode)))
        .and_then(|()| File::open(&temporary)?.sync_all())
        .and_then(|()| fs::rename(&temporary, to))
        .map_err(AgentError::file("write", to))?;
    sync_parent(to)
}

/// Makes a rename or a removal in the folder of `path` durable.
pub fn sync_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(AgentError::file("sync the folder", parent))
}

/// Removes a file that may be gone already.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(AgentError::File {
            doing: "remove",
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it; it may be gone already.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(AgentError::File {
            doing: "remove the folder",
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}
