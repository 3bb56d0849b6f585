//! Opening below a folder: each part of a path within the one before, so that nothing that is
//! exchanged in between can lead out.

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags, OFlag, openat},
    sys::stat::{Mode, SFlag, fstat, fstatat, mkdirat},
    unistd::{UnlinkatFlags, unlinkat},
};
use std::{
    fs::File,
    io::Write,
    os::fd::{AsFd, OwnedFd},
    path::Path,
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

impl From<Errno> for Shut {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT => Shut::Missing,
            Errno::EEXIST => Shut::There,
            // A device or a socket that is opened as a file.
            Errno::ENXIO | Errno::ELOOP => Shut::Refused,
            errno => Shut::Failed(errno.into()),
        }
    }
}

const FOLDER: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);
// Opening a pipe must not wait for somebody who writes into it.
const FILE: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_CLOEXEC);

/// Opens a folder below `root`, which itself may be a link.
pub(super) fn folder(root: &Path, parts: &[String]) -> Result<OwnedFd, Shut> {
    let root = openat(
        AT_FDCWD,
        root,
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    parts.iter().try_fold(root, |at, part| within(&at, part))
}

fn within(at: &OwnedFd, part: &str) -> Result<OwnedFd, Shut> {
    match openat(at, part, FOLDER, Mode::empty()) {
        Err(Errno::ENOTDIR) => match kind(at, part)? {
            // Behind a file there is nothing.
            SFlag::S_IFREG => Err(Shut::Missing),
            _ => Err(Shut::Refused),
        },
        opened => Ok(opened?),
    }
}

fn kind(at: &OwnedFd, part: &str) -> Result<SFlag, Shut> {
    let found = fstatat(at.as_fd(), part, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    Ok(SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT)
}

/// Opens a file below `root`; answers its size as well.
pub(super) fn file(root: &Path, parts: &[String]) -> Result<(File, u64), Shut> {
    let (name, above) = parts.split_last().ok_or(Shut::Refused)?;
    let at = folder(root, above)?;
    let opened = openat(&at, name.as_str(), FILE, Mode::empty())?;
    let found = fstat(&opened)?;
    match SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok((
            File::from(opened),
            u64::try_from(found.st_size).unwrap_or(u64::MAX),
        )),
        SFlag::S_IFDIR => Err(Shut::Missing),
        _ => Err(Shut::Refused),
    }
}

/// Writes a new file below `root`, making the folders above it.
pub(super) fn create(root: &Path, parts: &[String], content: &[u8]) -> Result<(), Shut> {
    let (name, above) = parts.split_last().ok_or(Shut::Refused)?;
    let mut at = folder(root, &[])?;
    for part in above {
        match mkdirat(&at, part.as_str(), Mode::from_bits_truncate(0o777)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        at = within(&at, part)?;
    }
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let made = openat(&at, name.as_str(), flags, Mode::from_bits_truncate(0o666))?;
    let mut file = File::from(made);
    if let Err(error) = file.write_all(content).and_then(|()| file.sync_all()) {
        // Half a page is of no use to anybody.
        let _ = unlinkat(&at, name.as_str(), UnlinkatFlags::NoRemoveDir);
        return Err(Shut::Failed(error));
    }
    Ok(())
}
