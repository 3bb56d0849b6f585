//! The tree, one folder at a time: what nobody opens costs nothing.

use super::{Result, Workspace, error::failed};
use crate::files::{Ignores, is_never_saved};
use plimsoll_domain::{content::refused_by_windows, path::FolderPath};
use std::fs;

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its name. What is no Unicode is shown by stand-ins.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of a file; 0 of everything else.
    pub bytes: u64,
    /// Ignore files or the project's settings leave it out of versions and searches.
    pub is_ignored: bool,
    /// Why a computer with Windows could not keep a file of that name.
    pub windows: Option<&'static str>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A symbolic link, with what is written in it. It is never followed.
    Link(String),
    /// A socket, a device, or a name that is no Unicode.
    Other,
}

impl Workspace {
    /// The entries of a folder: folders first, each by name. Git's folder and our own are left out.
    pub fn list(&self, folder: &FolderPath) -> Result<Vec<TreeEntry>> {
        let place = self.folder(folder)?;
        let ignores = Ignores::at(&self.root, folder.as_str(), &self.rules);
        let mut entries = Vec::new();
        for entry in fs::read_dir(&place).map_err(failed("list", &place))? {
            let entry = entry.map_err(failed("list", &place))?;
            let name = match entry.file_name().into_string() {
                Ok(name) => name,
                Err(name) => {
                    entries.push(TreeEntry {
                        name: name.to_string_lossy().into_owned(),
                        kind: EntryKind::Other,
                        bytes: 0,
                        is_ignored: false,
                        windows: Some("it is no Unicode"),
                    });
                    continue;
                }
            };
            if is_never_saved(&name) {
                continue;
            }
            // It may be gone again by now.
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let (kind, bytes) = if kind.is_dir() {
                (EntryKind::Folder, 0)
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path()).unwrap_or_default();
                (EntryKind::Link(target.to_string_lossy().into_owned()), 0)
            } else if kind.is_file() {
                let bytes = entry.metadata().map_or(0, |found| found.len());
                (EntryKind::File, bytes)
            } else {
                (EntryKind::Other, 0)
            };
            entries.push(TreeEntry {
                is_ignored: ignores.is_ignored(&name, kind == EntryKind::Folder),
                windows: refused_by_windows(&name),
                name,
                kind,
                bytes,
            });
        }
        entries.sort_by_cached_key(|entry| {
            let is_folder = entry.kind == EntryKind::Folder;
            (!is_folder, entry.name.to_lowercase(), entry.name.clone())
        });
        Ok(entries)
    }
}
