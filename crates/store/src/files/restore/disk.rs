//! The disk that is restored to: its room, and what lasts on it.

use crate::{
    Result,
    files::{difference::Difference, failed, pack::sync_folder},
};
use plimsoll_domain::content::Node;
use std::{
    collections::BTreeSet,
    fs::{File, Metadata},
    io,
    path::Path,
};

/// What most disks give a file at the least.
const BLOCK: u64 = 4 << 10;
/// Up to so many files and folders are flushed one by one; flushing a whole disk waits for what all
/// other programs write, too.
pub(super) const FEW: usize = 64;

/// Refuses what the disk has no room for, where the system tells.
pub(super) fn need_room(workspace: &Path, differences: &[Difference]) -> Result<()> {
    let Some(free) = free_bytes(workspace) else {
        return Ok(());
    };
    let of = |node: &Option<Node>| match node {
        Some(Node::File { size, .. }) => size.div_ceil(BLOCK).saturating_mul(BLOCK),
        Some(Node::Link { .. } | Node::Folder { .. }) | None => 0,
    };
    let sum = |node: fn(&Difference) -> &Option<Node>| {
        let sizes = differences.iter().map(|difference| of(node(difference)));
        sizes.fold(0, u64::saturating_add)
    };
    let needed = sum(|difference| &difference.after);
    let given_back = sum(|difference| &difference.before);
    if needed <= free.saturating_add(given_back) {
        return Ok(());
    }
    let why = format!("{needed} bytes are needed and {free} are free; nothing was written");
    Err(failed("write to", workspace)(io::Error::new(
        io::ErrorKind::StorageFull,
        why,
    )))
}

/// Bytes that may still be written, where that is known.
fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let told = nix::sys::statvfs::statvfs(folder).ok()?;
        #[allow(clippy::useless_conversion, reason = "it is narrower on other systems")]
        let blocks = u64::from(told.blocks_available());
        // Some file systems count nothing.
        (told.blocks() > 0).then(|| blocks.saturating_mul(told.fragment_size()))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Whether what is written in a batch of so many may be flushed with the whole disk at its end.
pub(super) fn flushes_at_once(count: usize) -> bool {
    cfg!(target_os = "linux") && count > FEW
}

/// Whether a file lies on the disk of the workspace's own folder, and not on one that is mounted
/// somewhere in it.
pub(super) fn is_on_its_disk(file: &Metadata, workspace: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        file.dev() == workspace.dev()
    }
    #[cfg(not(unix))]
    {
        let _ = (file, workspace);
        false
    }
}

/// Flushes everything on the disk of a folder (syncfs(2), which tells of failures since Linux 5.8).
pub(super) fn flush_all(folder: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let open = File::open(folder).map_err(failed("open", folder))?;
        nix::unistd::syncfs(open).map_err(|error| failed("flush", folder)(error.into()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        Ok(())
    }
}

/// Makes the new names of files last.
pub(super) fn settle<'a>(workspace: &Path, paths: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut folders = BTreeSet::from([""]);
    for path in paths {
        let ends = path.match_indices('/').map(|(end, _)| &path[..end]);
        folders.extend(ends);
    }
    if flushes_at_once(folders.len()) {
        return flush_all(workspace);
    }
    for folder in folders {
        let folder = workspace.join(folder);
        // What could not be written was told before.
        if folder.is_dir() {
            sync_folder(&folder)?;
        }
    }
    Ok(())
}
