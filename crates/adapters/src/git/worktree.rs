//! From a commit's tree to files in a folder, written by ourselves: no filters, no hooks, no
//! attributes, and no path that leads out.

use super::problem;
use crate::sources::scan::{native, stays_inside};
use gix::{ObjectId, Repository, objs::tree::EntryKind};
use plimsoll_engine::ports::PortResult;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs, io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// Most files of a checkout: what a build context may hold.
const MOST_FILES: usize = 100_000;
/// Most bytes of one file, and of all.
const LARGEST_FILE: u64 = 512 * 1024 * 1024;
const MOST_BYTES: u64 = 4 * 1024 * 1024 * 1024;
const DEEPEST: usize = 64;
/// How a pointer of Git LFS begins (its specification, version 1).
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    File,
    Program,
    Link,
}

/// What lies in the folder: paths with the objects that they were written from.
type Files = BTreeMap<String, (String, Kind)>;

/// Makes the folder hold exactly the tree of a commit. `record` remembers what was written, so that
/// only differences are; without it the folder is emptied first.
pub(super) fn check_out(
    repository: &Repository,
    commit: ObjectId,
    folder: &Path,
    record: &Path,
    stop: &AtomicBool,
) -> PortResult<()> {
    let tree = repository
        .find_object(commit)
        .and_then(|object| object.peel_to_tree())
        .map_err(|error| problem::damaged(&error))?;
    let mut walk = Walk {
        repository,
        files: Files::new(),
        folded: HashSet::new(),
        bytes: 0,
    };
    walk.enter(tree.id, "", 0)?;
    let wanted = walk.files;
    let failed = |error: io::Error| problem::local(folder, &error);
    fs::create_dir_all(folder).map_err(failed)?;
    let known: Option<Files> = fs::read(record)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    // From here until the end the folder is neither the old nor the new state.
    remove_file(record).map_err(failed)?;
    let known = match known {
        Some(known) => known,
        None => {
            empty(folder).map_err(failed)?;
            Files::new()
        }
    };
    for (path, _) in known
        .iter()
        .filter(|(path, entry)| wanted.get(*path) != Some(entry))
    {
        remove(folder, path).map_err(failed)?;
    }
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(path, entry)| known.get(*path) != Some(entry))
        .collect();
    // Links come last, so that nothing is ever written through one.
    let (links, files): (Vec<_>, Vec<_>) = missing
        .into_iter()
        .partition(|(_, (_, kind))| *kind == Kind::Link);
    let mut pointers = Vec::new();
    for (path, (id, kind)) in files.into_iter().chain(links) {
        if stop.load(Ordering::Relaxed) {
            return Err(problem::stopped());
        }
        let content = content(repository, id)?;
        if content.starts_with(LFS_POINTER) {
            pointers.push(path.clone());
        }
        write(folder, path, *kind, &content)?;
    }
    if !pointers.is_empty() {
        tracing::warn!(
            count = pointers.len(),
            first = ?pointers.first(),
            "files kept in Git LFS were checked out as pointers"
        );
    }
    let bytes = serde_json::to_vec(&wanted).map_err(|error| failed(error.into()))?;
    fs::write(record, bytes).map_err(failed)
}

struct Walk<'a> {
    repository: &'a Repository,
    files: Files,
    /// Paths in lower case: where the file system does not tell `A` from `a`, one would be written
    /// through the other.
    folded: HashSet<String>,
    bytes: u64,
}

impl Walk<'_> {
    fn enter(&mut self, tree: ObjectId, folder: &str, depth: usize) -> PortResult<()> {
        if depth > DEEPEST {
            return Err(problem::too_large(format!(
                "folders more than {DEEPEST} deep"
            )));
        }
        let tree = self
            .repository
            .find_tree(tree)
            .map_err(|error| problem::damaged(&error))?;
        for entry in tree.iter() {
            let entry = entry.map_err(|error| problem::damaged(&error))?;
            let name = name(folder, entry.filename())?;
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            if !self.folded.insert(path.to_lowercase()) {
                return Err(problem::path(
                    &path,
                    "it is there twice, or differs only in case",
                ));
            }
            let id = entry.object_id();
            let kind = match entry.mode().kind() {
                EntryKind::Tree => {
                    self.enter(id, &path, depth + 1)?;
                    continue;
                }
                // Another repository, which is not fetched.
                EntryKind::Commit => {
                    tracing::info!(path, "a submodule was left out");
                    continue;
                }
                EntryKind::Blob => Kind::File,
                EntryKind::BlobExecutable => Kind::Program,
                EntryKind::Link => Kind::Link,
            };
            let size = self
                .repository
                .find_header(id)
                .map_err(|error| problem::damaged(&error))?
                .size();
            self.bytes += size;
            if size > LARGEST_FILE {
                return Err(problem::too_large(format!("“{path}” has {size} bytes")));
            }
            if self.bytes > MOST_BYTES || self.files.len() == MOST_FILES {
                return Err(problem::too_large(format!(
                    "it holds more than {MOST_FILES} files or {} GiB",
                    MOST_BYTES >> 30
                )));
            }
            if kind == Kind::Link {
                self.check_link(id, &path, depth)?;
            }
            self.files.insert(path, (id.to_string(), kind));
        }
        Ok(())
    }

    fn check_link(&self, id: ObjectId, path: &str, depth: usize) -> PortResult<()> {
        let target = content(self.repository, &id.to_string())?;
        match std::str::from_utf8(&target) {
            Ok(target) if !target.is_empty() && stays_inside(Path::new(target), depth) => Ok(()),
            _ => Err(problem::path(
                path,
                "it is a link that leads out of the repository",
            )),
        }
    }
}

/// A name that is safe on every system that we write to.
fn name(folder: &str, name: &[u8]) -> PortResult<String> {
    let shown = format!("{folder}/{}", String::from_utf8_lossy(name));
    let Ok(text) = std::str::from_utf8(name) else {
        return Err(problem::path(&shown, "its name is not UTF-8"));
    };
    // HFS+ ignores some invisible characters, NTFS trailing dots and spaces: `.git` must not come
    // in by such a door either.
    let bare: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'))
        .collect();
    let bare = bare.trim_end_matches(['.', ' ']).to_lowercase();
    let is_git = bare == ".git" || bare == "git~1" || bare.starts_with(".git:");
    let is_odd = text.is_empty()
        || matches!(text, "." | "..")
        || text.contains(['/', '\0'])
        || (cfg!(windows) && text.contains(['\\', ':']));
    if is_git || is_odd {
        return Err(problem::path(&shown, "no file may have this name"));
    }
    Ok(text.to_owned())
}

fn content(repository: &Repository, id: &str) -> PortResult<Vec<u8>> {
    let id = ObjectId::from_hex(id.as_bytes()).map_err(|error| problem::damaged(&error))?;
    let mut object = repository
        .find_object(id)
        .map_err(|error| problem::damaged(&error))?;
    Ok(std::mem::take(&mut object.data))
}

fn write(folder: &Path, path: &str, kind: Kind, content: &[u8]) -> PortResult<()> {
    let full = folder.join(native(path));
    let failed = |error: io::Error| problem::local(&full, &error);
    if let Some(parent) = full.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    if kind == Kind::Link {
        return link(content, &full).map_err(failed);
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(
        &mut options,
        if kind == Kind::Program { 0o755 } else { 0o644 },
    );
    let mut file = options.open(&full).map_err(failed)?;
    io::Write::write_all(&mut file, content).map_err(failed)
}

#[cfg(unix)]
fn link(target: &[u8], at: &Path) -> io::Result<()> {
    let target = std::str::from_utf8(target).map_err(io::Error::other)?;
    std::os::unix::fs::symlink(target, at)
}

/// As git does where links take rights: a file that holds the target.
#[cfg(not(unix))]
fn link(target: &[u8], at: &Path) -> io::Result<()> {
    fs::write(at, target)
}

/// Removes a file, and the folders that this leaves empty.
fn remove(folder: &Path, path: &str) -> io::Result<()> {
    remove_file(&folder.join(native(path)))?;
    let parents: BTreeSet<&str> = path
        .match_indices('/')
        .map(|(index, _)| &path[..index])
        .collect();
    for parent in parents.iter().rev() {
        // One that still holds something stays.
        if fs::remove_dir(folder.join(native(parent))).is_err() {
            break;
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
