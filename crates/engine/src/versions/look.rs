//! Looking into versions.

use crate::{Engine, Result, error::EngineError};
use plimsoll_domain::{
    VersionId,
    content::{Entry, Node},
};
use plimsoll_store::files::Difference;
use serde::Serialize;
use std::io::Write;

/// Most bytes of a file that are shown.
const SHOWN: u64 = 8 << 20;

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileContent {
    /// What it is.
    pub node: Node,
    /// Its bytes; `None` when it is a link or larger than what is shown.
    pub bytes: Option<Vec<u8>>,
}

impl Engine {
    /// The entries of a folder of a version; `path` is relative, with slashes, empty for its root.
    pub async fn version_entries(&self, id: VersionId, path: &str) -> Result<Vec<Entry>> {
        let version = self.version(id).await?;
        let entries = self.file_store().await?.entries(version.root, path).await?;
        entries.ok_or_else(|| not_in_it("folder", version.number, path))
    }

    /// A file of a version.
    pub async fn version_file(&self, id: VersionId, path: &str) -> Result<FileContent> {
        let version = self.version(id).await?;
        let files = self.file_store().await?;
        let node = files.find(version.root, path).await?;
        match node.ok_or_else(|| not_in_it("file", version.number, path))? {
            node @ Node::File { size, .. } if size <= SHOWN => {
                let bytes = files.content(node.clone(), SHOWN).await?;
                Ok(FileContent {
                    node,
                    bytes: Some(bytes),
                })
            }
            node @ (Node::File { .. } | Node::Link { .. }) => Ok(FileContent { node, bytes: None }),
            Node::Folder { .. } => Err(not_in_it("file", version.number, path)),
        }
    }

    /// Writes a file of a version, whatever its size; of a link, what is written in it.
    pub async fn write_version_file(
        &self,
        id: VersionId,
        path: &str,
        mut to: impl Write + Send + 'static,
    ) -> Result<()> {
        let version = self.version(id).await?;
        let files = self.file_store().await?;
        let node = files.find(version.root, path).await?;
        match node.ok_or_else(|| not_in_it("file", version.number, path))? {
            node @ Node::File { .. } => Ok(files.content_to(node, to).await?),
            Node::Link { target } => to.write_all(target.as_bytes()).map_err(|error| {
                EngineError::bad_input("output_closed", error.to_string()).next_step("Try again.")
            }),
            Node::Folder { .. } => Err(not_in_it("file", version.number, path)),
        }
    }

    /// What differs between two versions; without the first, between nothing and the second.
    pub async fn compare_versions(
        &self,
        before: Option<VersionId>,
        after: VersionId,
    ) -> Result<Vec<Difference>> {
        let before = match before {
            Some(id) => Some(self.version(id).await?.root),
            None => None,
        };
        let after = self.version(after).await?.root;
        Ok(self.file_store().await?.differences(before, after).await?)
    }

    /// What a version changed: compared to the one before it.
    pub async fn version_changes(&self, id: VersionId) -> Result<Vec<Difference>> {
        let version = self.version(id).await?;
        let versions = self.versions(version.project_id).await?;
        let before = versions.iter().find(|other| other.number < version.number);
        self.compare_versions(before.map(|before| before.id), id)
            .await
    }
}

pub(super) fn not_in_it(what: &str, number: u32, path: &str) -> EngineError {
    let code = format!("{what}_unknown");
    EngineError::not_found(&code, format!("Version {number} has no {what} “{path}”."))
        .next_step("List what it has with `plimsoll versions show`.")
}
