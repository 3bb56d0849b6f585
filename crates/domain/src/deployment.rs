//! Deployments: acts, kept for ever.

use crate::{
    DeploymentId, EnvironmentId, JobId, ReleaseId, ServerId, ServiceId, Timestamp, job::JobStatus,
};
use serde::{Deserialize, Serialize};

/// One act of putting a release on an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Id; its first eight digits are in the image's tag.
    pub id: DeploymentId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The release, once there is one.
    pub release_id: Option<ReleaseId>,
    /// Why it happened.
    pub kind: DeploymentKind,
    /// Where it stands; follows its job.
    pub status: JobStatus,
    /// The job that does it.
    pub job_id: JobId,
    /// The servers it goes to.
    pub server_ids: Vec<ServerId>,
    /// The failure in one line, for lists; the job's step has the whole.
    pub failure: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Why a deployment happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentKind {
    /// A new release from its source.
    Deploy,
    /// An earlier release again.
    Rollback,
    /// The same image with other variables or settings.
    Reconfigure,
    /// The release that serves, started anew as it is.
    Restart,
}
