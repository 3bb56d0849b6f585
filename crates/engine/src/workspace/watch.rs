//! Seeing what other programs do to a project's files.

use crate::{
    Engine, Result,
    ports::{FolderWatch, Watched},
};
use plimsoll_domain::ProjectId;

impl Engine {
    /// Watches a part of a project's folder until the answer is dropped. What the project's
    /// settings leave out now is left out as what its ignore files name.
    ///
    /// # Errors
    /// `project_has_no_folder`; `folder_gone` when the folder is not there; `watch_limit` when the
    /// system watches no more.
    pub async fn watch_folder(&self, project: ProjectId, watched: Watched) -> Result<FolderWatch> {
        let folder = self.need_folder(project).await?;
        let folders = &self.world.ports.folders;
        let ignored = self.project_settings(project).await?.ignore;
        Ok(folders.watch(&folder, &ignored, watched).await?)
    }
}
