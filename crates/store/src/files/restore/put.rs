//! Writing what a saved state has.
//!
//! Flushing a file costs more than writing it, so many are written beside their places, flushed at
//! once and then renamed, batch by batch. A power cut before the flush leaves names that are never
//! saved; one behind it leaves each file as it was or as it is to be, as renaming does nothing by
//! halves. Whoever was faster than we keeps what they wrote: what lies there is looked at again just
//! before the rename.

use super::{
    Left, Restore, Restored, disk,
    look::{is_still, remove_hollow, same},
};
use crate::{
    Result, StoreError,
    files::{difference::Difference, failed, momentary_name},
    workspace::text::keep_owner,
};
use plimsoll_domain::content::Node;
use rayon::prelude::*;
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// A batch is full with so many files or bytes: so much may lie about after a power cut.
const FILES: usize = 4_096;
const BYTES: u64 = 256 << 20;
/// Names that are tried where somebody made files of our kind before us.
const ATTEMPTS: usize = 100;

/// Cuts what is to be written into batches.
pub(super) fn batches(coming: &[Difference]) -> impl Iterator<Item = &[Difference]> {
    let mut rest = coming;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut bytes = 0u64;
        let full = rest.iter().take(FILES).position(|difference| {
            if let Some(Node::File { size, .. }) = difference.after {
                bytes = bytes.saturating_add(size);
            }
            bytes >= BYTES
        });
        let count = full.map_or(FILES.min(rest.len()), |last| last + 1);
        let (batch, later) = rest.split_at(count);
        rest = later;
        Some(batch)
    })
}

/// What is ready to take its place.
struct Ready {
    path: PathBuf,
    /// What was there when it was made ready.
    there: Option<Metadata>,
    what: What,
}

enum What {
    /// A file or link under a momentary name.
    Beside(Momentary),
    /// An empty folder.
    Folder,
}

/// A file or link that is removed unless it took its place.
struct Momentary(PathBuf);

impl Drop for Momentary {
    fn drop(&mut self) {
        if self.0 != Path::new("") {
            let _ = fs::remove_file(&self.0);
        }
    }
}

impl Restore {
    /// Writes a batch.
    pub(super) fn put(&self, batch: &[Difference], restored: &mut Restored) -> Result<()> {
        let workspace = &self.workspace;
        let disk = workspace
            .metadata()
            .map_err(|_| StoreError::WorkspaceGone {
                path: workspace.clone(),
            })?;
        let at_once = disk::flushes_at_once(batch.len()).then_some(&disk);
        let made: Vec<_> = batch
            .par_iter()
            .map(|difference| self.make_ready(difference, at_once))
            .collect();
        // When nothing more can be, nothing of the batch is.
        let mut ready = Vec::with_capacity(made.len());
        for (difference, made) in batch.iter().zip(made) {
            ready.push(match made {
                Err(Left::Broken(error)) => return Err(error),
                made => (difference, made),
            });
        }
        if self.lasting && at_once.is_some() {
            disk::flush_all(workspace)?;
        }
        let done: Vec<_> = ready
            .into_par_iter()
            .map(|(difference, made)| {
                let done = made.and_then(|ready| match ready {
                    Some(ready) => ready.take_place(),
                    None => Ok(false),
                });
                (difference, done)
            })
            .collect();
        for (difference, done) in done {
            restored.written += u64::from(restored.done(difference, done)?);
        }
        Ok(())
    }

    /// `None` where it is there already.
    fn make_ready(
        &self,
        difference: &Difference,
        at_once: Option<&Metadata>,
    ) -> std::result::Result<Option<Ready>, Left> {
        let Some(wanted) = &difference.after else {
            return Ok(None);
        };
        let path = self.place(&difference.path)?;
        let mut there = self.observe(&path, difference)?;
        let is_folder = |node: &Node| matches!(node, Node::Folder { .. });
        if !is_folder(wanted)
            && there.as_ref().is_some_and(|there| is_folder(&there.node))
            && remove_hollow(&path).is_ok()
        {
            there = None;
        }
        let found = there.as_ref().map(|there| &there.node);
        if same(found, Some(wanted)) {
            return Ok(None);
        }
        // A folder that is empty in a version may be missing: most tools do not keep such folders.
        let was_empty = difference.before.as_ref().is_some_and(is_folder) && found.is_none();
        if !was_empty && !same(found, difference.before.as_ref()) {
            return Err(Left::changed());
        }
        if found.is_some_and(is_folder) {
            return Err(Left::Alone(
                "a folder with files that no version knows stands there".to_owned(),
            ));
        }
        if let Some(there) = &there {
            self.can_come_back(there, difference)?;
        }
        let folder = path.parent().unwrap_or(&self.workspace);
        fs::create_dir_all(folder).map_err(Left::of("create", folder))?;
        let there = there.map(|there| there.metadata);
        let what = match wanted {
            Node::Folder { .. } => What::Folder,
            Node::Link { target } => {
                What::Beside(beside(folder, |beside| link(target, beside)).map(|(made, ())| made)?)
            }
            Node::File { executable, .. } => {
                let (made, file) =
                    beside(folder, |beside| create(beside, *executable, there.as_ref()))?;
                self.fill(file, &made.0, wanted, at_once)?;
                What::Beside(made)
            }
        };
        Ok(Some(Ready { path, there, what }))
    }

    fn fill(
        &self,
        file: File,
        path: &Path,
        node: &Node,
        at_once: Option<&Metadata>,
    ) -> std::result::Result<(), Left> {
        let broken = |error| Left::Broken(failed("write", path)(error));
        let mut file = BufWriter::new(file);
        self.reading
            .content(node, &mut file)
            .map_err(Left::Broken)?;
        file.flush().map_err(broken)?;
        let file = file.get_ref();
        let is_flushed_later = at_once.is_some_and(|disk| {
            file.metadata()
                .is_ok_and(|file| disk::is_on_its_disk(&file, disk))
        });
        if self.lasting && !is_flushed_later {
            file.sync_data().map_err(broken)?;
        }
        Ok(())
    }
}

impl Ready {
    /// Answers whether a file or link was written.
    fn take_place(self) -> std::result::Result<bool, Left> {
        let Self { path, there, what } = self;
        if !is_still(&path, there.as_ref()) {
            return Err(Left::changed());
        }
        let alone = Left::of("write", &path);
        match what {
            What::Folder => {
                // A file that became a folder; the state before holds it.
                if there.is_some() {
                    fs::remove_file(&path).map_err(Left::of("remove", &path))?;
                }
                fs::create_dir_all(&path).map_err(alone)?;
                Ok(false)
            }
            What::Beside(mut momentary) => {
                fs::rename(&momentary.0, &path).map_err(alone)?;
                // It has another name now.
                momentary.0 = PathBuf::new();
                Ok(true)
            }
        }
    }
}

/// Makes something new beside others; nothing that is there, and no link, is ever written to.
fn beside<T>(
    folder: &Path,
    mut make: impl FnMut(&Path) -> io::Result<T>,
) -> std::result::Result<(Momentary, T), Left> {
    let mut attempts = 0;
    loop {
        let path = folder.join(momentary_name());
        match make(&path) {
            Ok(made) => return Ok((Momentary(path), made)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < ATTEMPTS => {
                attempts += 1;
            }
            Err(error) => return Err(Left::of("create", &path)(error)),
        }
    }
}

/// Makes a file. One that replaces another has its owner and its permissions, so that what was closed
/// to others stays closed; a new one has those that the person's umask leaves.
fn create(path: &Path, executable: bool, there: Option<&Metadata>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let replaced = there.filter(|there| there.is_file());
        options.mode(match (replaced, executable) {
            (Some(_), _) => 0o600,
            (None, true) => 0o777,
            (None, false) => 0o666,
        });
        let file = options.open(path)?;
        if let Some(there) = replaced {
            keep_owner(path, there);
            let kept = there.permissions().mode() & 0o777;
            let mode = if executable {
                // Whoever may read it may execute it.
                kept | ((kept & 0o444) >> 2)
            } else {
                kept & !0o111
            };
            file.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    {
        let _ = (executable, there);
        options.open(path)
    }
}

#[cfg(unix)]
fn link(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn link(_: &str, _: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "this system makes symbolic links for administrators only",
    ))
}
