//! What differs between two saved states. Equal folders have equal hashes and are not looked into.

use super::{
    Files,
    read::{Reading, joined},
};
use crate::Result;
use plimsoll_domain::content::{ContentHash, Entry, Node};
use serde::Serialize;
use tokio::runtime::Handle;

/// A file or link that differs, or a folder that is empty on one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its path, relative, with slashes.
    pub path: String,
    /// How it was; `None` when it was not there.
    pub before: Option<Node>,
    /// How it is; `None` when it is gone.
    pub after: Option<Node>,
}

impl Files {
    /// What differs between two saved states, in the order of the paths. `None` is the empty state.
    pub async fn differences(
        &self,
        before: Option<ContentHash>,
        after: ContentHash,
    ) -> Result<Vec<Difference>> {
        let reading = Reading::new(self, Handle::current());
        super::blocking(move || {
            let mut found = Vec::new();
            let before = before.map(folder);
            compare(
                &reading,
                "",
                before.as_ref(),
                Some(&folder(after)),
                &mut found,
            )?;
            Ok(found)
        })
        .await
    }
}

fn folder(tree: ContentHash) -> Node {
    Node::Folder {
        tree,
        files: 0,
        bytes: 0,
    }
}

pub(super) fn compare(
    reading: &Reading,
    path: &str,
    before: Option<&Node>,
    after: Option<&Node>,
    found: &mut Vec<Difference>,
) -> Result<()> {
    let same = match (before, after) {
        (Some(Node::Folder { tree: a, .. }), Some(Node::Folder { tree: b, .. })) => a == b,
        (a, b) => a == b,
    };
    if same {
        return Ok(());
    }
    let inside = |node: Option<&Node>| match node {
        Some(Node::Folder { tree, .. }) => reading.tree(*tree),
        _ => Ok(Vec::new()),
    };
    let is_folder = |node: Option<&Node>| matches!(node, Some(Node::Folder { .. }));
    let (old, new) = (inside(before)?, inside(after)?);
    // The name itself: a file or link, or a folder that is empty and so shows by itself only.
    let shows = |node: Option<&Node>, entries: &[Entry], other: Option<&Node>| {
        node.filter(|_| !is_folder(node) || (entries.is_empty() && !is_folder(other)))
            .cloned()
    };
    let (was, is) = (shows(before, &old, after), shows(after, &new, before));
    if !path.is_empty() && (was.is_some() || is.is_some()) {
        found.push(Difference {
            path: path.to_owned(),
            before: was,
            after: is,
        });
    }
    let mut names: Vec<&str> = old
        .iter()
        .chain(&new)
        .map(|entry| entry.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let of = |entries: &[Entry]| {
            let at = entries
                .binary_search_by(|entry| entry.name.as_bytes().cmp(name.as_bytes()))
                .ok()?;
            Some(entries[at].node.clone())
        };
        compare(
            reading,
            &joined(path, name),
            of(&old).as_ref(),
            of(&new).as_ref(),
            found,
        )?;
    }
    Ok(())
}
