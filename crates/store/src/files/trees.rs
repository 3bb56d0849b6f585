//! From the files of a walk to trees, folder by folder.

use super::{
    index::Seen,
    keeping::Keeping,
    save::{Found, NAMED},
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

type Named = Vec<(Entry, Stat)>;

/// Keeps the trees of all folders, from the deepest up to the root.
pub(super) fn put_together(
    keeping: &Keeping,
    before: &HashMap<String, Vec<u8>>,
    found: Vec<Found>,
    began: i64,
    workspace: String,
) -> Result<Trees> {
    let mut folders = by_folder(found);
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
        put(&mut folders, above, name, node, Stat::default());
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
fn name_refused(folder: &str, entries: &[Entry], refused: &mut Vec<String>) {
    for Entry { name, .. } in entries {
        if refused.len() >= NAMED {
            return;
        }
        if let Some(why) = content::refused_by_windows(name) {
            let slash = if folder.is_empty() { "" } else { "/" };
            refused.push(format!("{folder}{slash}{name}: {why}"));
        }
    }
}

/// The files and links of each folder; the root is always among them.
fn by_folder(found: Vec<Found>) -> HashMap<String, Named> {
    let mut folders = HashMap::from([(String::new(), Named::new())]);
    for Found { path, node, stat } in found {
        if matches!(node, Node::Folder { .. }) {
            folders.entry(path).or_default();
            continue;
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        put(&mut folders, folder, name, node, stat);
    }
    // A folder that was deleted while it was walked may have left its files behind.
    let mut paths: Vec<String> = folders.keys().cloned().collect();
    while let Some(path) = paths.pop() {
        if let Some((above, _)) = path.rsplit_once('/')
            && !folders.contains_key(above)
        {
            folders.insert(above.to_owned(), Named::new());
            paths.push(above.to_owned());
        }
    }
    folders
}

fn put(folders: &mut HashMap<String, Named>, folder: &str, name: &str, node: Node, stat: Stat) {
    let name = name.to_owned();
    let entry = (Entry { name, node }, stat);
    match folders.get_mut(folder) {
        Some(named) => named.push(entry),
        None => {
            folders.insert(folder.to_owned(), vec![entry]);
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
