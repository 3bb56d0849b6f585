//! Releases: an image with the settings and variables it ran with. Secrets by name only.

use super::{
    BeforeAfterView, DeploymentId, EnvironmentId, ReleaseId, ServiceId, VersionId, mirror::mirror,
};
use plimsoll_domain::{
    release::{Release, VariableValue},
    source::SavedAs,
};
use plimsoll_engine::{Comparison, Difference, ReleaseRow};
use serde::{Deserialize, Serialize};
use specta::Type;

/// A release.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ReleaseView {
    /// Id.
    pub id: ReleaseId,
    /// The environment it was made for.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The deployment that made it.
    pub deployment_id: DeploymentId,
    /// Counts up from 1 for each service in an environment.
    pub number: u32,
    /// The image: name, tag and digest.
    pub image: String,
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Where its code came from, in a line.
    pub source: String,
    /// The git commit, where there is one.
    pub commit: Option<String>,
    /// Hash over the files that were built, where something was built.
    pub content_hash: Option<String>,
    /// The image reference that was resolved, where an image was given.
    pub image_reference: Option<String>,
    /// The stack for which the Dockerfile was generated.
    pub generated_for: Option<String>,
    /// The version of the project's files that it came from, where it came from them.
    pub version: Option<SavedAsView>,
    /// Its variables, without values.
    pub variables: Vec<VariableNameView>,
    /// When it was made, RFC 3339.
    pub created_at: String,
}

/// A version as a release remembers it.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct SavedAsView {
    /// The version; it may have been let go since.
    pub id: VersionId,
    /// Its number within the project.
    pub number: u32,
    /// The hash of everything in it.
    pub root: String,
}

impl From<SavedAs> for SavedAsView {
    fn from(saved: SavedAs) -> Self {
        Self {
            id: saved.id.into(),
            number: saved.number,
            root: saved.root.to_string(),
        }
    }
}

/// A variable without its value.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct VariableNameView {
    /// Name.
    pub name: String,
    /// Whether it is sealed.
    pub secret: bool,
}

impl From<Release> for ReleaseView {
    fn from(release: Release) -> Self {
        Self {
            id: release.id.into(),
            environment_id: release.environment_id.into(),
            service_id: release.service_id.into(),
            deployment_id: release.deployment_id.into(),
            number: release.number,
            image: release.image.to_string(),
            image_bytes: release.image_bytes,
            source: release.source.to_string(),
            commit: release.provenance.commit,
            content_hash: release.provenance.content_hash,
            image_reference: release.provenance.image_reference,
            generated_for: release.provenance.generated_for,
            version: release.provenance.version.map(Into::into),
            variables: release
                .variables
                .into_iter()
                .map(|variable| VariableNameView {
                    name: variable.name.to_string(),
                    secret: matches!(variable.value, VariableValue::Sealed(_)),
                })
                .collect(),
            created_at: release.created_at.to_string(),
        }
    }
}

/// A release that is kept.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ReleaseRowView {
    /// The release.
    pub release: ReleaseView,
    /// Whether it serves now.
    pub serves: bool,
}

impl From<ReleaseRow> for ReleaseRowView {
    fn from(row: ReleaseRow) -> Self {
        Self {
            release: row.release.into(),
            serves: row.serves,
        }
    }
}

mirror! {
    /// How something stands in the second release against the first.
    DifferenceView of Difference {
        /// Only in the second.
        Added,
        /// Only in the first.
        Removed,
        /// In both, and not the same.
        Changed,
        /// In both, sealed: whether the values are the same is not known.
        Sealed,
        /// The same in both.
        Same,
    }
}

/// A variable by its name.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct VariableDifferenceView {
    /// Name.
    pub name: String,
    /// Whether it is sealed.
    pub secret: bool,
    /// How it differs.
    pub difference: DifferenceView,
}

/// A file by its path.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FileDifferenceView {
    /// Path within the source.
    pub path: String,
    /// How it differs.
    pub difference: DifferenceView,
}

/// Two releases side by side.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ComparisonView {
    /// The first.
    pub before: ReleaseView,
    /// The second.
    pub after: ReleaseView,
    /// Settings that differ.
    pub settings: Vec<BeforeAfterView>,
    /// All variables of both, by name.
    pub variables: Vec<VariableDifferenceView>,
    /// Files that differ; none where what one was built from is not known any more.
    pub files: Option<Vec<FileDifferenceView>>,
}

impl From<Comparison> for ComparisonView {
    fn from(comparison: Comparison) -> Self {
        Self {
            before: comparison.before.into(),
            after: comparison.after.into(),
            settings: comparison.settings.into_iter().map(Into::into).collect(),
            variables: comparison
                .variables
                .into_iter()
                .map(|variable| VariableDifferenceView {
                    name: variable.name.to_string(),
                    secret: variable.secret,
                    difference: variable.difference.into(),
                })
                .collect(),
            files: comparison.files.map(|files| {
                files
                    .into_iter()
                    .map(|file| FileDifferenceView {
                        path: file.path,
                        difference: file.difference.into(),
                    })
                    .collect()
            }),
        }
    }
}
