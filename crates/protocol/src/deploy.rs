//! The words of a build and of the deployment transaction.

use plimsoll_domain::{
    DeploymentId,
    image::ImageRef,
    name::Name,
    service::{BuildSpec, ServiceSpec},
};
use serde::{Deserialize, Serialize};

/// A service in an environment of a project, as a server knows it: names its containers, volumes,
/// routes and images.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceKey {
    /// The project.
    pub project: Name,
    /// The environment.
    pub environment: Name,
    /// The service.
    pub service: Name,
}

impl ServiceKey {
    /// `{project}-{environment}-{service}`: the base of tags, containers and volumes.
    pub fn base(&self) -> String {
        plimsoll_domain::image::image_base(&self.project, &self.environment, &self.service)
    }
}

/// One file of a build context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextFile {
    /// Path with `/`, relative, without `..`.
    pub path: String,
    /// What it is.
    pub kind: ContextFileKind,
    /// Whether its owner may execute it.
    #[serde(default)]
    pub executable: bool,
}

/// What an entry of a build context is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ContextFileKind {
    /// A file.
    File {
        /// BLAKE3 of its content, hex.
        hash: String,
        /// Bytes.
        size: u64,
    },
    /// A symbolic link inside the context.
    Link {
        /// Its target as written.
        target: String,
    },
    /// An empty folder.
    Folder,
}

/// Brings a build context up to date, sending only what changed.
///
/// `base` names the manifest that the desktop believes the server holds. When the server does not
/// hold it, the answer has `need_full` and nothing was changed. Contents of new hashes travel in
/// the body as one zstd stream of frames: 32 bytes of BLAKE3, 8 bytes little-endian length, the
/// bytes. Hashes that the server has already need not be sent; the answer lists those it misses.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncContext {
    /// Whose context.
    pub key: ServiceKey,
    /// Hash of the manifest that the change starts from; `None` sends the whole manifest.
    pub base: Option<String>,
    /// Entries that are new or changed (the whole manifest without a base).
    pub upserts: Vec<ContextFile>,
    /// Paths that are gone.
    pub removals: Vec<String>,
    /// Hash of the resulting manifest: BLAKE3 over its entries sorted by path, one JSON line each.
    pub manifest: String,
}

/// Answer to [`SyncContext`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextSynced {
    /// The server does not hold the base: send the whole manifest.
    pub need_full: bool,
    /// Hashes of contents that the server misses; empty when the context is complete.
    pub missing: Vec<String>,
}

/// Builds an image from a complete context.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Build {
    /// Whose context.
    pub key: ServiceKey,
    /// The deployment: names the tag.
    pub deployment_id: DeploymentId,
    /// The context's manifest.
    pub manifest: String,
    /// How.
    pub spec: BuildSpec,
    /// The Dockerfile to use instead of one in the context, where it was generated.
    pub generated_dockerfile: Option<String>,
}

/// Pulls an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pull {
    /// Whose.
    pub key: ServiceKey,
    /// The deployment: names the tag.
    pub deployment_id: DeploymentId,
    /// Reference as Docker understands it.
    pub reference: String,
}

/// Answer to [`Build`], [`Pull`] and [`Load`]: the image is here, tagged and pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageReady {
    /// Tag and id.
    pub image: ImageRef,
    /// Its size, bytes.
    pub size_bytes: u64,
    /// Layers by diff id, base first.
    pub layers: Vec<String>,
}

/// Asks which layers are here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Layers {
    /// Diff ids (`sha256:…`), base first.
    pub diff_ids: Vec<String>,
    /// Image id that is wanted.
    pub image_id: String,
}

/// Answer to [`Layers`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayersPresent {
    /// The image is here already.
    pub image: bool,
    /// How many of the layers, from the base up, are here as a chain and may be left out.
    pub leading: usize,
    /// Architecture of this server's engine, such as `amd64`.
    pub architecture: String,
}

/// Loads an image archive from the body (zstd).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    /// Whose.
    pub key: ServiceKey,
    /// The deployment: names the tag.
    pub deployment_id: DeploymentId,
    /// Image id that must result.
    pub image_id: String,
}

/// Asks for an image as an archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Export {
    /// Image id.
    pub image_id: String,
    /// How many layers from the base up the receiver has.
    pub skip_layers: usize,
}

/// The deployment transaction: start beside, prove healthy, switch, drain, keep or discard.
///
/// The body holds the values of secret variables, a JSON object name to value, so that they stay
/// out of this record, which the journal keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deploy {
    /// The service.
    pub key: ServiceKey,
    /// The deployment; a repeated request with the same id answers what the first one did.
    pub deployment_id: DeploymentId,
    /// The image, present on this server.
    pub image: ImageRef,
    /// How it runs.
    pub spec: ServiceSpec,
    /// Plain variables.
    pub variables: Vec<(String, String)>,
    /// Names of the secret variables in the body.
    pub secret_names: Vec<String>,
    /// Stop after the proof and wait for `Commit` or `Revert`: many servers switch together.
    pub hold: bool,
    /// Run the release command here; one server of many does.
    pub run_release_command: bool,
    /// How many releases' images to keep for rolling back.
    pub keep_releases: u32,
}

/// A phase of the transaction, as the journal and the events name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The lock is taken.
    Locked,
    /// The release command runs.
    ReleaseCommand,
    /// The new container starts beside the old one.
    Started,
    /// It proved healthy.
    Healthy,
    /// New connections go to it.
    Switched,
    /// The old container finishes its requests.
    Draining,
    /// Everything is done.
    Finished,
    /// Back to what ran before.
    Reverted,
}

/// Answer to [`Deploy`] and [`super::Request::Commit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// How far it went: `Healthy` when held, else `Switched` or `Finished`.
    pub phase: Phase,
    /// The new container's id.
    pub container_id: String,
    /// How long the switch itself took, microseconds.
    pub switch_us: u64,
    /// Whether a container that was still warm was used again.
    pub reused_warm: bool,
    /// The deployment that served before, where there was one.
    pub previous: Option<DeploymentId>,
}

/// Answer to [`super::Request::Revert`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reverted {
    /// The deployment that serves now, where there is one.
    pub serving: Option<DeploymentId>,
}

/// Removes a service from this server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RemoveService {
    /// The service.
    pub key: ServiceKey,
    /// Its volumes too: data is lost.
    pub volumes: bool,
}

/// Sets the site of a service, or removes it with an empty list.
///
/// The body holds the certificate's private key in PEM, when a certificate is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetSite {
    /// The service.
    pub key: ServiceKey,
    /// Names to answer for; empty removes the site.
    pub hosts: Vec<String>,
    /// Certificate chain, PEM; `None` serves plain HTTP.
    pub chain_pem: Option<String>,
}

/// Answer to [`SetSite`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteSet {
    /// Whether anything had to change.
    pub changed: bool,
}
