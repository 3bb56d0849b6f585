//! What was typed and not saved.

use super::file;
use crate::{Engine, Result};
use plimsoll_domain::{ProjectId, path::FilePath};
use plimsoll_store::workspace::{Draft, Workspace};

impl Engine {
    /// Keeps what was typed into a file until it is saved, also over the end of the program. It
    /// stays on this machine and belongs to no backup. The project's folder may be away meanwhile.
    pub async fn keep_file_draft(&self, project: ProjectId, draft: Draft) -> Result<()> {
        self.in_drafts(project, move |drafts| drafts.keep(&draft))
            .await
    }

    /// Forgets what was typed into a file.
    pub async fn forget_file_draft(&self, project: ProjectId, path: &str) -> Result<()> {
        let path = file(path)?;
        self.in_drafts(project, move |drafts| drafts.forget(&path))
            .await
    }

    /// Everything that was typed into the files of a project and not saved.
    pub async fn file_drafts(&self, project: ProjectId) -> Result<Vec<Draft>> {
        self.in_drafts(project, |drafts| drafts.all()).await
    }
}

/// Forgets what was typed into a file that is written or gone by now. One that stays is shown beside
/// the file, so nothing hangs on it.
pub(super) fn let_go(files: &Workspace, path: &FilePath) {
    if let Err(error) = files.drafts().forget(path) {
        tracing::warn!("a draft of {path} stays: {error}");
    }
}
