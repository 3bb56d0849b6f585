//! Deployments: acts, kept for ever.

use super::{
    CommandError, DeploymentId, EnvironmentId, JobId, JobStatusView, ProjectId, ReleaseId,
    ReleaseRowView, ReleaseView, ServerId, ServiceId, mirror::mirror,
};
use plimsoll_domain::{
    Timestamp,
    deployment::{Deployment, DeploymentKind},
};
use plimsoll_engine::{DeploymentDetail, DeploymentFilter, DeploymentRow};
use serde::{Deserialize, Serialize};
use specta::Type;

mirror! {
    /// Why a deployment happened.
    DeploymentKindView of DeploymentKind {
        /// A new release from its source.
        Deploy,
        /// An earlier release again.
        Rollback,
        /// The same image with other variables or settings.
        Reconfigure,
        /// The release that serves, started anew as it is.
        Restart,
    }
}

/// One act of putting a release on an environment.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct DeploymentView {
    /// Id.
    pub id: DeploymentId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The release, once there is one.
    pub release_id: Option<ReleaseId>,
    /// Why it happened.
    pub kind: DeploymentKindView,
    /// Where it stands.
    pub status: JobStatusView,
    /// The job that does it.
    pub job_id: JobId,
    /// The servers it goes to.
    pub server_ids: Vec<ServerId>,
    /// The failure in one line.
    pub failure: Option<String>,
    /// When it was asked for, RFC 3339.
    pub created_at: String,
    /// When it ended, RFC 3339.
    pub finished_at: Option<String>,
}

impl From<Deployment> for DeploymentView {
    fn from(deployment: Deployment) -> Self {
        Self {
            id: deployment.id.into(),
            environment_id: deployment.environment_id.into(),
            service_id: deployment.service_id.into(),
            release_id: deployment.release_id.map(Into::into),
            kind: deployment.kind.into(),
            status: deployment.status.into(),
            job_id: deployment.job_id.into(),
            server_ids: deployment.server_ids.into_iter().map(Into::into).collect(),
            failure: deployment.failure,
            created_at: deployment.created_at.to_string(),
            finished_at: deployment.finished_at.map(|at| at.to_string()),
        }
    }
}

/// A deployment with what a list says about it, also when its service is gone.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct DeploymentRowView {
    /// The deployment.
    pub deployment: DeploymentView,
    /// The project.
    pub project_id: ProjectId,
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The service's name.
    pub service: String,
    /// The release's number, once there is one.
    pub number: Option<u32>,
    /// The release's commit, where there is one.
    pub commit: Option<String>,
    /// The version of the project's files that the release came from, by its number.
    pub version: Option<u32>,
    /// Whether it serves now.
    pub serves: bool,
}

impl From<DeploymentRow> for DeploymentRowView {
    fn from(row: DeploymentRow) -> Self {
        Self {
            deployment: row.deployment.into(),
            project_id: row.project_id.into(),
            project: row.project.to_string(),
            environment: row.environment.to_string(),
            service: row.service.to_string(),
            number: row.number,
            commit: row.commit,
            version: row.version.map(|version| version.number),
            serves: row.serves,
        }
    }
}

/// A deployment with its release and what else is kept of its service.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct DeploymentDetailView {
    /// The deployment.
    pub row: DeploymentRowView,
    /// Its release, once there is one.
    pub release: Option<ReleaseView>,
    /// The releases of its service that are kept, newest first.
    pub kept: Vec<ReleaseRowView>,
}

impl From<DeploymentDetail> for DeploymentDetailView {
    fn from(detail: DeploymentDetail) -> Self {
        Self {
            row: detail.row.into(),
            release: detail.release.map(Into::into),
            kept: detail.kept.into_iter().map(Into::into).collect(),
        }
    }
}

/// Which deployments; none does not filter.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Type)]
pub struct DeploymentFilterView {
    /// Of this project.
    pub project_id: Option<ProjectId>,
    /// Of this environment.
    pub environment_id: Option<EnvironmentId>,
    /// Of this service.
    pub service_id: Option<ServiceId>,
    /// That stand here.
    pub status: Option<JobStatusView>,
    /// That happened for this reason.
    pub kind: Option<DeploymentKindView>,
    /// Asked for at this moment or later, RFC 3339.
    pub since: Option<String>,
    /// Asked for before this moment, RFC 3339.
    pub until: Option<String>,
    /// Whose names, failure, commit or release contain this.
    pub text: Option<String>,
}

impl TryFrom<DeploymentFilterView> for DeploymentFilter {
    type Error = CommandError;

    fn try_from(view: DeploymentFilterView) -> Result<Self, CommandError> {
        let moment = |field: &str, text: Option<String>| {
            let parsed = text.map(|text| text.parse::<Timestamp>()).transpose();
            parsed.map_err(|_| {
                let message = "This is no moment in time.";
                CommandError::input("invalid_moment", message, "Choose a day.").about(field)
            })
        };
        Ok(Self {
            project: view.project_id.map(Into::into),
            environment: view.environment_id.map(Into::into),
            service: view.service_id.map(Into::into),
            status: view.status.map(Into::into),
            kind: view.kind.map(Into::into),
            since: moment("since", view.since)?,
            until: moment("until", view.until)?,
            text: view.text.filter(|text| !text.is_empty()),
        })
    }
}
