//! Settings of projects and of this device, and taking them along as a document.

use crate::{Engine, Receipt, Result, error::EngineError};
use plimsoll_domain::{
    ProjectId, name::Name, preferences::Preferences, project::Project, settings::ProjectSettings,
    version::Retention,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// The document's own version.
const FORMAT: &str = "plimsoll settings 1";

/// Settings that travel from one machine to another, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsDocument {
    /// What it is, and of which version.
    pub format: String,
    /// What the person prefers; none leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferences: Option<Preferences>,
    /// Settings of projects.
    #[serde(default)]
    pub projects: Vec<ProjectDocument>,
}

/// The settings of a project, which is known by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectDocument {
    /// Its name.
    pub name: Name,
    /// Its settings.
    pub settings: ProjectSettings,
}

impl Engine {
    /// How a project's files and versions are treated.
    pub async fn project_settings(&self, id: ProjectId) -> Result<ProjectSettings> {
        Ok(self.world.store.need::<Project>(&id).await?.settings)
    }

    /// Gives a project other settings.
    ///
    /// # Errors
    /// `invalid_setting` or `invalid_pattern` with the one that cannot be; nothing is changed then.
    pub async fn set_project_settings(
        &self,
        id: ProjectId,
        settings: ProjectSettings,
    ) -> Result<Receipt<ProjectId>> {
        checked(&settings)?;
        let mut write = self.world.store.write().await?;
        let project = write.need::<Project>(&id).await?;
        let details = json!({"settings": settings});
        write
            .put(&Project {
                settings,
                ..project
            })
            .await?;
        self.audited(
            &mut write,
            "project.settings",
            format!("project:{id}"),
            details,
        )
        .await?;
        let seq = write.commit().await?;
        Ok(Receipt { id, seq })
    }

    /// The rule by which a project's versions are pruned.
    pub async fn retention(&self, id: ProjectId) -> Result<Retention> {
        Ok(self.project_settings(id).await?.retention)
    }

    /// Writes all settings, of this device and of every project, to a file.
    pub async fn export_settings(&self, to: &Path) -> Result<()> {
        let text = self.settings_document().await?;
        std::fs::write(to, text).map_err(|error| unusable(to, &error))
    }

    /// Takes the settings of a file over, as [`Engine::take_settings`] does.
    pub async fn import_settings(&self, from: &Path) -> Result<Vec<Name>> {
        let text = std::fs::read_to_string(from).map_err(|error| unusable(from, &error))?;
        self.take_settings(&text).await
    }

    /// All settings, of this device and of every project, as a document.
    pub async fn settings_document(&self) -> Result<String> {
        let projects = self.projects().await?.into_iter();
        let document = SettingsDocument {
            format: FORMAT.to_owned(),
            preferences: Some(self.preferences().await?),
            projects: projects
                .map(|project| ProjectDocument {
                    name: project.name,
                    settings: project.settings,
                })
                .collect(),
        };
        serde_json::to_string_pretty(&document)
            .map(|text| text + "\n")
            .map_err(|error| EngineError::internal("internal", error.to_string()))
    }

    /// Takes the settings of a document over: of this device, and of those of its projects that
    /// there are here. Answers the names of the others.
    ///
    /// # Errors
    /// `invalid_settings` with what cannot be read; nothing is changed then.
    pub async fn take_settings(&self, text: &str) -> Result<Vec<Name>> {
        let refuse = |why: String| {
            EngineError::bad_input("invalid_settings", "These settings cannot be read.")
                .evidence([why])
                .next_step("Choose a file that Plimsoll exported; nothing was changed.")
        };
        let document: SettingsDocument =
            serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        if document.format != FORMAT {
            let why = format!("it says “{}”", document.format.escape_debug());
            return Err(refuse(why));
        }
        if let Some(preferences) = &document.preferences {
            let checked = preferences.check();
            checked.map_err(|error| refuse(error.to_string()))?;
        }
        for project in &document.projects {
            checked(&project.settings).map_err(|error| refuse(error.to_string()))?;
        }
        let there = self.projects().await?;
        let mut unknown = Vec::new();
        for wanted in document.projects {
            match there.iter().find(|project| project.name == wanted.name) {
                Some(project) => {
                    self.set_project_settings(project.id, wanted.settings)
                        .await?;
                }
                None => unknown.push(wanted.name),
            }
        }
        if let Some(preferences) = document.preferences {
            self.set_preferences(preferences).await?;
        }
        Ok(unknown)
    }
}

fn unusable(file: &Path, error: &std::io::Error) -> EngineError {
    let message = format!("The file {} cannot be used.", file.display());
    EngineError::bad_input("invalid_file", message)
        .evidence([error.to_string()])
        .next_step("Choose another one.")
}

fn checked(settings: &ProjectSettings) -> Result<()> {
    settings.check()?;
    plimsoll_store::files::check_patterns(&settings.ignore)?;
    Ok(())
}
