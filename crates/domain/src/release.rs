//! Releases: immutable.

use crate::{
    DeploymentId, EnvironmentId, ReleaseId, ServiceId, Timestamp,
    image::ImageRef,
    name::VariableName,
    service::ServiceSpec,
    source::{Provenance, Source},
};
use serde::{Deserialize, Serialize};

/// An image by digest, with the configuration and variables it ran with. Never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Id.
    pub id: ReleaseId,
    /// The environment it was made for.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The deployment that made it; its image's tag carries this id.
    pub deployment_id: DeploymentId,
    /// Counts up from 1 for each service in an environment.
    pub number: u32,
    /// The exact image.
    pub image: ImageRef,
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Where its code came from.
    pub source: Source,
    /// Exactly which bytes.
    pub provenance: Provenance,
    /// How it runs.
    pub spec: ServiceSpec,
    /// Variables at that time, secrets sealed.
    pub variables: Vec<SealedVariable>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A variable as a release keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedVariable {
    /// Name.
    pub name: VariableName,
    /// Plain, or sealed.
    pub value: VariableValue,
}

/// The value of a variable at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum VariableValue {
    /// Readable.
    Plain(String),
    /// AES-256-GCM: base64 of nonce, ciphertext and tag; the associated data is the variable's
    /// environment, service and name.
    Sealed(String),
}
