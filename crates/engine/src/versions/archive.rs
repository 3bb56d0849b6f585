//! Versions as zip archives.

use super::save::State;
use crate::{Engine, Receipt, Result, error::EngineError};
use plimsoll_domain::{ProjectId, VersionId, name::Name, version::VersionCause};
use serde_json::json;
use std::path::Path;

impl Engine {
    /// Writes a version as a zip archive.
    pub async fn export_version(&self, id: VersionId, to: &Path) -> Result<()> {
        let version = self.version(id).await?;
        self.file_store().await?.export(version.root, to).await?;
        self.note(
            "version.export",
            format!("version:{id}"),
            json!({"number": version.number}),
        )
        .await?;
        Ok(())
    }

    /// Takes a zip archive in as a version of a project; its folder stays as it is.
    ///
    /// # Errors
    /// `invalid_archive` with the entry that cannot be; nothing is kept then.
    pub async fn import_version(
        &self,
        project: ProjectId,
        from: &Path,
        message: &str,
    ) -> Result<Receipt<VersionId>> {
        let message = super::save::checked(message)?;
        let imported = self
            .file_store()
            .await?
            .import(from, self.world.now())
            .await?;
        let state = State {
            root: imported.root,
            files: imported.files,
            bytes: imported.bytes,
            added_bytes: imported.added_bytes,
            refused_by_windows: Vec::new(),
            guard: imported.guard,
        };
        self.record_version(project, message, VersionCause::Imported, state)
            .await
    }

    /// Makes a project out of a zip archive, with its files in a folder that is empty or new.
    pub async fn import_project(
        &self,
        name: Name,
        from: &Path,
        folder: &Path,
    ) -> Result<Receipt<ProjectId>> {
        if folder
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
        {
            return Err(EngineError::bad_input(
                "invalid_folder",
                format!("The folder {} is not empty.", folder.display()),
            )
            .next_step("Choose a new folder; nothing was changed."));
        }
        let created = self.create_project_in(name, folder).await?;
        let taken = async {
            let message = from
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let version = self.import_version(created.id, from, &message).await?;
            let version = self.version(version.id).await?;
            let folder = self.need_folder(created.id).await?;
            self.file_store()
                .await?
                .restore(&folder, None, version.root, None)
                .await?;
            Ok(created)
        };
        match taken.await {
            Ok(receipt) => Ok(receipt),
            Err(error) => {
                self.delete_project(created.id).await?;
                Err(error)
            }
        }
    }
}
