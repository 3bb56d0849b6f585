//! Deployments: acts, kept for ever.

use super::{
    DeploymentId, EnvironmentId, JobId, JobStatusView, ReleaseId, ServerId, ServiceId,
    mirror::mirror,
};
use plimsoll_domain::deployment::{Deployment, DeploymentKind};
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
