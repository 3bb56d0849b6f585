//! The tree of an archive while it is put together.

use super::{
    super::trees::{name_refused, totals},
    Keep, refuse,
};
use crate::Result;
use plimsoll_domain::content::{self, ContentHash, Entry, Node};
use std::collections::BTreeMap;

/// A folder while it is put together.
#[derive(Default)]
pub(super) struct Folder {
    folders: BTreeMap<String, Folder>,
    /// Files and links.
    files: BTreeMap<String, Node>,
}

/// A folder that is kept.
pub(super) struct KeptFolder {
    pub(super) tree: ContentHash,
    /// Files in it and below, and their bytes.
    pub(super) totals: (u64, u64),
}

impl Folder {
    fn below(&mut self, name: &str, parts: &[&str]) -> Result<&mut Folder> {
        let mut folder = self;
        for part in parts {
            match folder.files.get(*part) {
                None => {}
                Some(Node::Link { .. }) => {
                    return Err(refuse(name, "its way leads through a link"));
                }
                Some(_) => return Err(refuse(name, "a file of the same name stands above it")),
            }
            folder = folder.folders.entry((*part).to_owned()).or_default();
        }
        Ok(folder)
    }

    /// Puts a folder in, unless it is there.
    pub(super) fn folder(&mut self, name: &str, parts: &[&str]) -> Result<()> {
        self.below(name, parts).map(|_| ())
    }

    /// Puts a file or a link in.
    pub(super) fn file(&mut self, name: &str, parts: &[&str], node: Node) -> Result<()> {
        let Some((last, above)) = parts.split_last() else {
            return Err(refuse(name, "it has no name"));
        };
        let folder = self.below(name, above)?;
        if folder.folders.contains_key(*last) || folder.files.contains_key(*last) {
            return Err(refuse(name, "it is there twice"));
        }
        folder.files.insert((*last).to_owned(), node);
        Ok(())
    }

    /// Keeps the trees from the deepest up; `refused` takes the names that Windows refuses.
    pub(super) fn keep(
        self,
        path: &str,
        keeping: &impl Keep,
        refused: &mut Vec<String>,
    ) -> Result<KeptFolder> {
        let mut entries: Vec<Entry> = self
            .files
            .into_iter()
            .map(|(name, node)| Entry { name, node })
            .collect();
        for (name, folder) in self.folders {
            let below = super::super::read::joined(path, &name);
            let kept = folder.keep(&below, keeping, refused)?;
            let (files, bytes) = kept.totals;
            entries.push(Entry {
                name,
                node: Node::Folder {
                    tree: kept.tree,
                    files,
                    bytes,
                },
            });
        }
        name_refused(path, &entries, refused);
        let bytes = content::encode(&mut entries);
        Ok(KeptFolder {
            tree: keeping.keep(&bytes)?,
            totals: totals(&entries),
        })
    }
}
