//! Versions as zip archives.

use super::save::State;
use crate::{Engine, Receipt, Result, error::EngineError};
use plimsoll_domain::{ProjectId, VersionId, name::Name, version::VersionCause};
use plimsoll_store::files::Remarks;
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// A version that was taken in from an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedVersion {
    /// Its id.
    pub id: VersionId,
    /// Sequence number in the change log.
    pub seq: i64,
    /// What a person should know about the archive.
    #[serde(flatten)]
    pub remarks: Remarks,
}

/// A project that was made out of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedProject {
    /// Its id.
    pub id: ProjectId,
    /// Sequence number in the change log.
    pub seq: i64,
    /// What a person should know about the archive.
    #[serde(flatten)]
    pub remarks: Remarks,
    /// Files that are in the first version and could not be written to the folder, each with its
    /// reason.
    pub left: Vec<String>,
}

impl Engine {
    /// Writes a version as a zip archive.
    pub async fn export_version(&self, id: VersionId, to: &Path) -> Result<()> {
        let version = self.version(id).await?;
        self.file_store().await?.export(version.root, to).await?;
        self.note_done(
            "version.export",
            format!("version:{id}"),
            json!({"number": version.number}),
        )
        .await;
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
    ) -> Result<ImportedVersion> {
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
        let recorded = self.record_version(project, message, VersionCause::Imported, state);
        let Receipt { id, seq } = recorded.await?;
        Ok(ImportedVersion {
            id,
            seq,
            remarks: imported.remarks,
        })
    }

    /// Makes a project out of a zip archive, with its files in a folder that is empty or new. What the
    /// disk cannot hold is told, and is in the first version all the same.
    ///
    /// # Errors
    /// `invalid_folder` when something is in it; `invalid_archive`; `store_disk_full`. There is no
    /// project then, and no folder that was not there before.
    pub async fn import_project(
        &self,
        name: Name,
        from: &Path,
        folder: &Path,
    ) -> Result<ImportedProject> {
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
        let (created, made) = self.create_in(name, folder).await?;
        match self.fill_project(created.id, from).await {
            Ok((remarks, left)) => Ok(ImportedProject {
                id: created.id,
                seq: created.seq,
                remarks,
                left,
            }),
            Err(error) => {
                let error = self.take_back_project(created.id, error).await;
                made.give_back();
                Err(error)
            }
        }
    }

    /// Makes an archive the first version of a project and writes it to the project's folder.
    async fn fill_project(&self, id: ProjectId, from: &Path) -> Result<(Remarks, Vec<String>)> {
        let message = from.file_name().unwrap_or_default().to_string_lossy();
        let imported = self.import_version(id, from, &message).await?;
        let version = self.version(imported.id).await?;
        let folder = self.need_folder(id).await?;
        let files = self.file_store().await?;
        let restored = files.restore(&folder, None, version.root, None).await?;
        Ok((imported.remarks, restored.left))
    }
}
