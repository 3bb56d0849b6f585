//! The files of a project in its folder on this machine.

mod bin;
mod drafts;
mod files;
mod search;
mod watch;

pub use bin::Emptied;
pub use search::{FileHash, SearchNews, Searching};

use crate::{Engine, Result, error::EngineError, ports::PortError};
use plimsoll_domain::{
    ProjectId,
    path::{FilePath, FolderPath, InvalidPath},
};
use plimsoll_store::workspace::{Drafts, Workspace, WorkspaceError};
use std::path::PathBuf;

/// Where bins and drafts are kept, in the store's folder, one folder a project.
const ASIDE: &str = "workspaces";

impl Engine {
    /// Does something with the files of a project, on a thread that may wait.
    async fn in_workspace<T: Send + 'static>(
        &self,
        project: ProjectId,
        work: impl FnOnce(&Workspace) -> std::result::Result<T, WorkspaceError> + Send + 'static,
    ) -> Result<T> {
        let root = self.need_folder(project).await?;
        let ignored = self.project_settings(project).await?.ignore;
        let most = self.preferences().await?.limits.text_bytes;
        let aside = self.aside(project);
        blocking(move || {
            let files = Workspace::open(&root, &aside)?;
            work(&files.ignoring(&ignored).with_texts_up_to(most))
        })
        .await
    }

    /// Does something with what was typed into the files of a project, whether or not its folder is
    /// there.
    async fn in_drafts<T: Send + 'static>(
        &self,
        project: ProjectId,
        work: impl FnOnce(&Drafts) -> std::result::Result<T, WorkspaceError> + Send + 'static,
    ) -> Result<T> {
        self.need_folder(project).await?;
        let drafts = Drafts::at(&self.aside(project));
        blocking(move || work(&drafts)).await
    }

    fn aside(&self, project: ProjectId) -> PathBuf {
        let folder = self.world.store.folder();
        folder.join(ASIDE).join(project.to_string())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, WorkspaceError> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    let done =
        done.map_err(|error| EngineError::internal("internal", format!("A thread ended: {error}")));
    Ok(done??)
}

fn file(path: &str) -> Result<FilePath> {
    Ok(FilePath::parse(path)?)
}

fn folder(path: &str) -> Result<FolderPath> {
    Ok(FolderPath::parse(path)?)
}

fn about(project: ProjectId) -> String {
    format!("project:{project}")
}

impl From<InvalidPath> for EngineError {
    fn from(error: InvalidPath) -> Self {
        EngineError::bad_input("invalid_path", format!("{error}."))
            .next_step("Type a path in the project's folder, such as src/main.rs.")
    }
}

impl From<WorkspaceError> for EngineError {
    fn from(error: WorkspaceError) -> Self {
        let (code, message, next) = (error.code(), error.to_string(), error.next_step());
        let told = match &error {
            WorkspaceError::Gone { .. }
            | WorkspaceError::Missing { .. }
            | WorkspaceError::NotInBin => EngineError::not_found(code, message),
            WorkspaceError::Outside { .. } | WorkspaceError::ReadOnly { .. } => {
                EngineError::refused(code, message)
            }
            WorkspaceError::NoFolder { .. }
            | WorkspaceError::NoFile { .. }
            | WorkspaceError::IntoItself { .. }
            | WorkspaceError::TooLarge { .. }
            | WorkspaceError::BadPattern { .. } => EngineError::bad_input(code, message),
            WorkspaceError::Exists { .. } | WorkspaceError::Stopped => {
                EngineError::conflict(code, message)
            }
            // The system's own answers; who sees them can do something about most.
            WorkspaceError::System { .. } | WorkspaceError::NotRemoved { .. } => {
                PortError::new(code, message).into()
            }
        };
        told.evidence(error.evidence()).next_step(next)
    }
}
