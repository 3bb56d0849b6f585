//! Which folders lie below another one.

use plimsoll_store::files::{Ignores, Rules};
use std::{collections::BTreeSet, fs, path::Path};

/// A folder and those below it that are not ignored.
pub(super) fn folders_below(
    root: &Path,
    folder: &str,
    rules: &Rules,
    found: &mut BTreeSet<String>,
) {
    let mut open = vec![(folder.to_owned(), Ignores::at(root, folder, rules))];
    while let Some((folder, ignores)) = open.pop() {
        if let Ok(entries) = fs::read_dir(root.join(&folder)) {
            for entry in entries.flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|_| is_folder) else {
                    continue;
                };
                if !ignores.is_ignored(name, true) {
                    let path = if folder.is_empty() {
                        name.to_owned()
                    } else {
                        format!("{folder}/{name}")
                    };
                    open.push((path, ignores.below(name)));
                }
            }
        }
        found.insert(folder);
    }
}

/// Whether a path is a folder or lies in it.
pub(super) fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
