//! Reading saved states; every byte is proved by its hash on the way.

use super::{Files, pack};
use crate::{Result, StoreError};
use plimsoll_domain::content::{self, ContentHash, Entry, Node};
use std::{io::Write, path::PathBuf};
use tokio::runtime::Handle;

/// Reads objects from any thread that may block.
#[derive(Clone)]
pub(super) struct Reading {
    files: Files,
    runtime: Handle,
}

impl Reading {
    pub(super) fn new(files: &Files, runtime: Handle) -> Self {
        Self {
            files: files.clone(),
            runtime,
        }
    }

    /// The bytes of an object.
    pub(super) fn object(&self, hash: ContentHash) -> Result<Vec<u8>> {
        let found = self.runtime.block_on(self.files.index.find(hash))?;
        let (pack, place) = found.ok_or_else(|| pack::damaged("read an object", "it is lost"))?;
        pack::read(&self.files.packs, &pack, place, hash)
    }

    /// Whether the index places an object.
    pub(super) fn knows(&self, hash: ContentHash) -> bool {
        self.runtime
            .block_on(self.files.index.knows(hash))
            .unwrap_or(false)
    }

    /// The entries of a folder.
    pub(super) fn tree(&self, tree: ContentHash) -> Result<Vec<Entry>> {
        let bytes = self.object(tree)?;
        content::decode(&bytes).map_err(|error| pack::damaged("read a folder", error.0))
    }

    /// Writes the content of a file; what was written is proved as a whole.
    pub(super) fn content(&self, node: &Node, mut to: impl Write) -> Result<()> {
        let Node::File { hash, chunks, .. } = node else {
            return Ok(());
        };
        let mut put = |bytes: &[u8]| {
            to.write_all(bytes).map_err(|source| StoreError::File {
                doing: "write",
                path: PathBuf::from("a file's content"),
                source,
            })
        };
        if chunks.is_empty() {
            return put(&self.object(*hash)?);
        }
        let mut whole = blake3::Hasher::new();
        for chunk in chunks {
            let bytes = self.object(*chunk)?;
            whole.update(&bytes);
            put(&bytes)?;
        }
        if whole.finalize().as_bytes() == hash.as_bytes() {
            Ok(())
        } else {
            Err(pack::damaged(
                "read a file",
                "its chunks are not those of the whole",
            ))
        }
    }

    /// The node at a path of a saved state; `None` when there is none.
    pub(super) fn find(&self, root: ContentHash, path: &str) -> Result<Option<Node>> {
        let mut node = Node::Folder {
            tree: root,
            files: 0,
            bytes: 0,
        };
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let Node::Folder { tree, .. } = node else {
                return Ok(None);
            };
            let entries = self.tree(tree)?;
            let Some(found) = entries.into_iter().find(|entry| entry.name == part) else {
                return Ok(None);
            };
            node = found.node;
        }
        Ok(Some(node))
    }

    /// Visits every file and link of a tree, and every folder that is empty, in the order of their
    /// paths.
    pub(super) fn walk(
        &self,
        tree: ContentHash,
        below: &str,
        visit: &mut dyn FnMut(&str, &Node) -> Result<()>,
    ) -> Result<()> {
        for Entry { name, node } in self.tree(tree)? {
            let path = joined(below, &name);
            match &node {
                Node::Folder { tree, .. } => {
                    if self.tree(*tree)?.is_empty() {
                        visit(&path, &node)?;
                    } else {
                        self.walk(*tree, &path, visit)?;
                    }
                }
                Node::File { .. } | Node::Link { .. } => visit(&path, &node)?,
            }
        }
        Ok(())
    }
}

impl Files {
    /// The entries of a folder of a saved state; `path` is relative, with slashes, empty for the
    /// root. `None` when there is no such folder in it.
    pub async fn entries(&self, root: ContentHash, path: &str) -> Result<Option<Vec<Entry>>> {
        let (reading, path) = (Reading::new(self, Handle::current()), path.to_owned());
        super::blocking(move || match reading.find(root, &path)? {
            Some(Node::Folder { tree, .. }) => reading.tree(tree).map(Some),
            Some(Node::File { .. } | Node::Link { .. }) | None => Ok(None),
        })
        .await
    }

    /// What stands at a path of a saved state.
    pub async fn find(&self, root: ContentHash, path: &str) -> Result<Option<Node>> {
        let (reading, path) = (Reading::new(self, Handle::current()), path.to_owned());
        super::blocking(move || reading.find(root, &path)).await
    }

    /// The content of a file, of which at most so many bytes are wanted.
    ///
    /// # Errors
    /// [`StoreError::DamagedContent`] when the disk has damaged it.
    pub async fn content(&self, node: Node, most: u64) -> Result<Vec<u8>> {
        let reading = Reading::new(self, Handle::current());
        super::blocking(move || {
            if matches!(node, Node::File { size, .. } if size > most) {
                return Err(StoreError::TooLarge { most });
            }
            let mut bytes = Vec::new();
            reading.content(&node, &mut bytes)?;
            Ok(bytes)
        })
        .await
    }
}

impl Files {
    /// Writes the content of a file, whatever its size; it is never in memory as a whole.
    ///
    /// # Errors
    /// [`StoreError::DamagedContent`] when the disk has damaged it.
    pub async fn content_to(&self, node: Node, to: impl Write + Send + 'static) -> Result<()> {
        let reading = Reading::new(self, Handle::current());
        super::blocking(move || reading.content(&node, to)).await
    }
}

pub(super) fn joined(below: &str, name: &str) -> String {
    if below.is_empty() {
        name.to_owned()
    } else {
        format!("{below}/{name}")
    }
}
