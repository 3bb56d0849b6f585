//! Putting a version back.

use crate::{Engine, Result};
use plimsoll_domain::{
    VersionId,
    version::{Version, VersionCause},
};
use serde::Serialize;
use serde_json::json;

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoredVersion {
    /// The version that holds what was there before.
    pub before: Version,
    /// Files and links that were written.
    pub written: u64,
    /// Files and links that were removed; the version before holds them.
    pub removed: u64,
    /// What was left alone, each with its reason.
    pub left: Vec<String>,
}

impl Engine {
    /// Makes a project's folder, or one file or folder in it, what a version says. What is there
    /// is saved first.
    pub async fn restore_version(
        &self,
        id: VersionId,
        only: Option<&str>,
    ) -> Result<RestoredVersion> {
        let version = self.version(id).await?;
        let folder = self.need_folder(version.project_id).await?;
        let only = only
            .map(|path| path.trim_matches('/'))
            .filter(|path| !path.is_empty());
        let message = format!("Before version {} was restored", version.number);
        let before = super::save_before(
            &self.world,
            version.project_id,
            VersionCause::BeforeRestore,
            &message,
            &std::sync::Arc::default(),
        )
        .await?;
        let files = self.file_store().await?;
        // What only the present has goes away; what neither has is a mistake in the path.
        if let Some(path) = only
            && files.find(version.root, path).await?.is_none()
            && files.find(before.root, path).await?.is_none()
        {
            return Err(super::look::not_in_it("file", version.number, path));
        }
        let done = files
            .restore(&folder, Some(before.root), version.root, only)
            .await?;
        self.note_done(
            "version.restore",
            format!("version:{id}"),
            json!({"number": version.number, "only": only, "left": done.left.len()}),
        )
        .await;
        Ok(RestoredVersion {
            before,
            written: done.written,
            removed: done.removed,
            left: done.left,
        })
    }
}
