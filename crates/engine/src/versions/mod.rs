//! A project's files on this machine: its folder, and the versions that were saved of it.

mod archive;
mod keep;
mod left_out;
mod look;
mod made;
mod recall;
mod restore;
mod save;
mod saving;
mod settings;
mod unlisted;
mod unpack;

pub use archive::{ImportedProject, ImportedVersion};
pub use keep::{Checked, HurtVersion, Prunable, Repaired};
pub use look::FileContent;
pub use recall::{KeptProject, LostVersion, Recalled, Returned};
pub use restore::RestoredVersion;
pub use save::SavedVersion;
pub use saving::{Saving, SavingNews};
pub use settings::{ProjectDocument, SettingsDocument};

pub(crate) use left_out::left_out_of_versions;
pub(crate) use save::save_before;
pub(crate) use unlisted::forget_records;
pub(crate) use unpack::{Unpacked, throw_away, unpack, unpacked};

use crate::{Engine, Receipt, Result, error::EngineError, world::World};
use made::MadeFolders;
use plimsoll_domain::{ProjectId, VersionId, name::Name, project::Project, version::Version};
use plimsoll_store::files::Files;
use serde_json::json;
use std::path::{Component, Path, PathBuf};

/// Where the store of files lies, in the store's folder.
pub(crate) const FOLDER: &str = "versions";

/// What means the newest version.
const LATEST: &str = "latest";

/// The local setting that holds a project's folder: paths differ from machine to machine.
pub(crate) fn folder_setting(project: ProjectId) -> String {
    format!("workspace/{project}")
}

impl Engine {
    pub(crate) async fn file_store(&self) -> Result<&Files> {
        Ok(self.world.file_store().await?)
    }

    /// The folder of a project's files on this machine, where it has one.
    pub async fn project_folder(&self, project: ProjectId) -> Result<Option<PathBuf>> {
        folder_of(&self.world, project).await
    }

    /// Adopts a folder as that of a project's files. Nothing in it is changed by that.
    ///
    /// # Errors
    /// `invalid_folder` when it is not there, is no folder, or belongs to another project.
    pub async fn set_project_folder(
        &self,
        project: ProjectId,
        folder: &Path,
    ) -> Result<Receipt<ProjectId>> {
        let world = &self.world;
        world.store.need::<Project>(&project).await?;
        let folder = folder_that_is_there(folder)?;
        let text = folder.to_str().ok_or_else(|| {
            invalid_folder(&folder, "its path is no Unicode").next_step("Move the folder.")
        })?;
        // A restore in such a folder would take back what Plimsoll keeps of all projects.
        let own = std::fs::canonicalize(world.store.folder());
        if own.is_ok_and(|own| own.starts_with(&folder) || folder.starts_with(&own)) {
            return Err(
                invalid_folder(&folder, "Plimsoll keeps its own data in or around it")
                    .next_step("Choose a folder that holds nothing but the project."),
            );
        }
        for other in self.projects().await? {
            let taken = self.project_folder(other.id).await?;
            if other.id != project && taken.as_deref() == Some(&folder) {
                return Err(invalid_folder(
                    &folder,
                    &format!("it belongs to the project “{}”", other.name),
                )
                .next_step("Choose another folder, or work in that project."));
            }
        }
        let mut write = world.store.write().await?;
        write.set_setting(&folder_setting(project), text).await?;
        let about = format!("project:{project}");
        let details = json!({"folder": text});
        self.audited(&mut write, "project.folder", about, details)
            .await?;
        let seq = write.commit().await?;
        Ok(Receipt { id: project, seq })
    }

    /// Creates a project whose files lie in a folder, new or adopted.
    pub async fn create_project_in(&self, name: Name, folder: &Path) -> Result<Receipt<ProjectId>> {
        let (created, _) = self.create_in(name, folder).await?;
        Ok(created)
    }

    /// The same; answers the folders that were not there before, too.
    async fn create_in(
        &self,
        name: Name,
        folder: &Path,
    ) -> Result<(Receipt<ProjectId>, MadeFolders)> {
        let made = MadeFolders::make(folder).map_err(|error| {
            invalid_folder(folder, &error.to_string()).next_step("Choose another folder.")
        })?;
        match self.create_working_in(name, folder).await {
            Ok(created) => Ok((created, made)),
            Err(error) => {
                made.give_back();
                Err(error)
            }
        }
    }

    async fn create_working_in(&self, name: Name, folder: &Path) -> Result<Receipt<ProjectId>> {
        let folder = folder_that_is_there(folder)?;
        let created = self.create_project(name).await?;
        match self.set_project_folder(created.id, &folder).await {
            Ok(receipt) => Ok(receipt),
            Err(error) => Err(self.take_back_project(created.id, error).await),
        }
    }

    /// Deletes a project that was made for something that failed; answers why that did, and that the
    /// project stays where it cannot be deleted.
    async fn take_back_project(&self, id: ProjectId, why: EngineError) -> EngineError {
        match self.delete_project(id).await {
            Ok(_) => why,
            Err(error) => why.evidence([format!(
                "The project that was made for it stays, since it could not be deleted: {error}"
            )]),
        }
    }

    /// The versions of a project, newest first.
    pub async fn versions(&self, project: ProjectId) -> Result<Vec<Version>> {
        Ok(self.world.store.versions_of(project).await?)
    }

    /// A version.
    pub async fn version(&self, id: VersionId) -> Result<Version> {
        Ok(self.world.store.need::<Version>(&id).await?)
    }

    /// The version of a project that a text means: its number, its name, or `latest`.
    pub async fn version_called(&self, project: ProjectId, text: &str) -> Result<Version> {
        let versions = self.versions(project).await?;
        let means = |version: &&Version| {
            version.number.to_string() == text
                || version
                    .name
                    .as_ref()
                    .is_some_and(|name| name.as_str() == text)
        };
        let found = match text {
            LATEST => versions.first(),
            _ => versions.iter().find(means),
        };
        found.cloned().ok_or_else(|| {
            let there = versions.iter().take(20).map(|version| match &version.name {
                Some(name) => format!("{} ({name})", version.number),
                None => version.number.to_string(),
            });
            EngineError::not_found("version_unknown", format!("There is no version “{text}”."))
                .evidence(there)
                .next_step("Name one that is there by its number or its name, or `latest`.")
        })
    }

    /// The folder of a project's files, which has to be there.
    pub(crate) async fn need_folder(&self, project: ProjectId) -> Result<PathBuf> {
        need_folder(&self.world, project).await
    }
}

/// The folder of a project's files on this machine, where it has one.
async fn folder_of(world: &World, project: ProjectId) -> Result<Option<PathBuf>> {
    let setting = world.store.setting(&folder_setting(project)).await?;
    Ok(setting.map(PathBuf::from))
}

/// Where a folder lies within the folder of a project's files, with slashes; empty for all of it.
/// `None` when it lies elsewhere.
pub(crate) async fn within_folder(
    world: &World,
    project: ProjectId,
    folder: &str,
) -> Result<Option<String>> {
    let Some(root) = folder_of(world, project).await? else {
        return Ok(None);
    };
    // A version has what the disk may have lost: one that is not there is known by its path.
    let folder = Path::new(folder);
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let Ok(below) = folder.strip_prefix(&root) else {
        return Ok(None);
    };
    let parts: Option<Vec<&str>> = below
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    Ok(parts.map(|parts| parts.join("/")))
}

async fn need_folder(world: &World, project: ProjectId) -> Result<PathBuf> {
    folder_of(world, project).await?.ok_or_else(|| {
        EngineError::not_found("project_has_no_folder", "This project has no folder here.")
            .next_step("Adopt one for it: plimsoll project folder NAME DIR.")
    })
}

fn folder_that_is_there(folder: &Path) -> Result<PathBuf> {
    let there = folder.canonicalize();
    let there = there.map_err(|error| {
        invalid_folder(folder, &error.to_string()).next_step("Choose a folder that is there.")
    })?;
    if there.is_dir() {
        return Ok(there);
    }
    Err(invalid_folder(folder, "it is no folder").next_step("Choose a folder."))
}

fn invalid_folder(folder: &Path, why: &str) -> EngineError {
    EngineError::bad_input(
        "invalid_folder",
        format!("The folder {} cannot be used: {why}.", folder.display()),
    )
}
