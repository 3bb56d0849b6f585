//! What was typed and not saved.

use super::file;
use crate::{Engine, Result};
use plimsoll_domain::{ProjectId, path::FilePath};
use plimsoll_store::workspace::{Draft, Workspace};

impl Engine {
    /// Keeps what was typed into a file until it is saved, also over the end of the program. It
    /// stays on this machine and belongs to no backup.
    pub async fn keep_file_draft(&self, project: ProjectId, draft: Draft) -> Result<()> {
        self.in_workspace(project, move |files| files.keep_draft(&draft))
            .await
    }

    /// Forgets what was typed into a file.
    pub async fn forget_file_draft(&self, project: ProjectId, path: &str) -> Result<()> {
        let path = file(path)?;
        self.in_workspace(project, move |files| files.forget_draft(&path))
            .await
    }

    /// Everything that was typed into the files of a project and not saved.
    pub async fn file_drafts(&self, project: ProjectId) -> Result<Vec<Draft>> {
        self.in_workspace(project, |files| files.drafts()).await
    }
}

/// Forgets what was typed into a file that is written or gone by now. One that stays is shown beside
/// the file, so nothing hangs on it.
pub(super) fn let_go(files: &Workspace, path: &FilePath) {
    if let Err(error) = files.forget_draft(path) {
        tracing::warn!("a draft of {path} stays: {error}");
    }
}
