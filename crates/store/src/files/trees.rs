//! From the files of a walk to trees, folder by folder.

use super::{
    index::Seen,
    keeping::Keeping,
    save::NAMED,
    seen::{SeenFolder, Stat},
};
use crate::Result;
use plimsoll_domain::content::{self, ContentHash, Entry, Node};
use std::{cmp::Reverse, collections::HashMap};

/// The trees of a workspace.
pub(super) struct Trees {
    pub(super) root: ContentHash,
    /// Files in it.
    pub(super) files: u64,
    /// Bytes of all of them.
    pub(super) bytes: u64,
    /// What was seen, where it is not what was seen before.
    pub(super) seen: Seen,
    /// What Windows could not keep, each with the reason, in folders that are not as they were.
    pub(super) refused_by_windows: Vec<String>,
}

/// What is in a folder, with what the disk says about it.
pub(super) type Named = Vec<(Entry, Stat)>;

/// Keeps the trees of all folders, from the deepest up to the root. `folders` has the files and links
/// of each.
pub(super) fn put_together(
    keeping: &Keeping,
    before: &HashMap<String, Vec<u8>>,
    mut folders: HashMap<String, Named>,
    began: i64,
    workspace: String,
) -> Result<Trees> {
    folders.entry(String::new()).or_default();
    let mut paths: Vec<String> = folders.keys().cloned().collect();
    paths.sort_unstable_by_key(|path| Reverse(depth(path)));
    let mut seen = Seen {
        workspace,
        folders: Vec::new(),
        gone: Vec::new(),
    };
    seen.gone = before
        .keys()
        .filter(|path| !folders.contains_key(*path))
        .cloned()
        .collect();
    let mut root = (ContentHash::of(b""), (0, 0));
    let mut refused = Vec::new();
    for path in paths {
        let mut named = folders.remove(&path).unwrap_or_default();
        named.sort_unstable_by(|a, b| a.0.name.as_bytes().cmp(b.0.name.as_bytes()));
        let (mut entries, stats): (Vec<Entry>, Vec<Stat>) = named.into_iter().unzip();
        let bytes = content::encode(&mut entries);
        let known = before.get(&path);
        let tree = match known.and_then(|body| SeenFolder::tree_in(body)) {
            Some(tree) if tree == bytes => ContentHash::of(&bytes),
            _ => {
                name_refused(&path, &entries, &mut refused);
                keeping.keep(&bytes)?
            }
        };
        let body = SeenFolder::write(&bytes, &stats, began);
        if known.is_none_or(|known| *known != body) {
            seen.folders.push((path.clone(), body));
        }
        let (files, size) = totals(&entries);
        if path.is_empty() {
            root = (tree, (files, size));
            continue;
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let node = Node::Folder {
            tree,
            files,
            bytes: size,
        };
        let name = name.to_owned();
        // A folder that was deleted while it was walked may have left folders behind that were not.
        if let Some(above) = folders.get_mut(above) {
            above.push((Entry { name, node }, Stat::default()));
        }
    }
    let (root, (files, bytes)) = root;
    Ok(Trees {
        root,
        files,
        bytes,
        seen,
        refused_by_windows: refused,
    })
}

/// Names what Windows could not keep, as far as anybody wants to read it.
pub(super) fn name_refused(folder: &str, entries: &[Entry], refused: &mut Vec<String>) {
    let mut others = HashMap::new();
    for Entry { name, .. } in entries {
        if refused.len() >= NAMED {
            return;
        }
        let other = others.insert(name.to_lowercase(), name);
        let same = other.map(|other| format!("only capitals tell it from {other}"));
        let why = content::refused_by_windows(name).map(str::to_owned);
        if let Some(why) = why.or(same) {
            let slash = if folder.is_empty() { "" } else { "/" };
            refused.push(format!("{folder}{slash}{name}: {why}"));
        }
    }
}

fn depth(path: &str) -> usize {
    match path {
        "" => 0,
        path => 1 + path.matches('/').count(),
    }
}

pub(super) fn totals(entries: &[Entry]) -> (u64, u64) {
    entries
        .iter()
        .fold((0, 0), |(files, bytes), entry| match &entry.node {
            Node::File { size, .. } => (files + 1, bytes + size),
            Node::Link { .. } => (files, bytes),
            Node::Folder {
                files: below,
                bytes: size,
                ..
            } => (files + below, bytes + size),
        })
}
