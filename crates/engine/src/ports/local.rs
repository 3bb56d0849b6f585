//! This machine: its keychain, files, git, Docker, and its view of the network.

use super::{PortResult, Progress};
use async_trait::async_trait;
use plimsoll_domain::{
    Secret, dns::HostName, server::Endpoint, service::BuildSpec, source::GitReference,
};
use plimsoll_protocol::ContextFile;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The OS keychain, or the passphrase-sealed file that stands in for it.
#[async_trait]
pub trait Keychain: Send + Sync {
    /// Reads an entry; `None` when there is none.
    async fn get(&self, entry: &str) -> PortResult<Option<Secret>>;
    /// Writes an entry.
    async fn set(&self, entry: &str, value: &Secret) -> PortResult<()>;
    /// Deletes an entry; `Ok` when it is gone already.
    async fn delete(&self, entry: &str) -> PortResult<()>;
}

/// Keys and seals: made where the cryptography lives.
pub trait Keys: Send + Sync {
    /// A new Ed25519 key pair: private half in OpenSSH's PEM form, public half as one line.
    fn ssh_key_pair(&self, comment: &str) -> PortResult<(Secret, String)>;
    /// A new ECDSA P-256 key and a signing request for these names: (key PEM, CSR PEM).
    fn signing_request(&self, hosts: &[String]) -> PortResult<(Secret, String)>;
}

/// The files of a build context, read from a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The folder it was read from.
    pub folder: PathBuf,
    /// Its entries, sorted by path; ignored files are not among them.
    pub files: Vec<ContextFile>,
    /// BLAKE3 of the manifest, as the protocol defines it.
    pub manifest: String,
    /// Bytes of all files.
    pub total_bytes: u64,
}

/// Reads build contexts and prepares git checkouts.
#[async_trait]
pub trait Sources: Send + Sync {
    /// Walks a folder, honouring `.dockerignore`, with a stat cache in `cache` so that unchanged
    /// files are not read again. Symbolic links that leave the folder, and unreadable files, are
    /// errors that name them.
    async fn scan(&self, folder: &Path, cache: &Path) -> PortResult<Context>;
    /// Packs the contents of these hashes of a context as the body of
    /// [`plimsoll_protocol::SyncContext`] into a file; answers its bytes. A file whose content is
    /// no longer the one that was scanned fails with `source_changed`.
    async fn pack(&self, context: &Context, hashes: &[String], to: &Path) -> PortResult<u64>;
    /// A text file of a context, at most `limit` bytes; `None` when it is not there.
    async fn read_text(&self, folder: &Path, path: &str, limit: u64) -> PortResult<Option<String>>;
    /// Fetches a repository into `folder` (kept between calls) and checks the reference out;
    /// answers the commit. `token` is for private repositories and goes by callback, never into
    /// the URL. `endpoint` carries certificate authorities of a practice cloud.
    async fn checkout(
        &self,
        url: &str,
        reference: &GitReference,
        token: Option<&Secret>,
        endpoint: &Endpoint,
        folder: &Path,
    ) -> PortResult<String>;
}

/// An image on an engine, by its layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalImage {
    /// Image id, `sha256:…`.
    pub id: String,
    /// Layers by diff id, base first.
    pub layers: Vec<String>,
    /// Size, bytes.
    pub size_bytes: u64,
    /// Architecture, such as `amd64`.
    pub architecture: String,
}

/// This machine's Docker engine.
#[async_trait]
pub trait LocalDocker: Send + Sync {
    /// Its version; an error with a next step when there is none.
    async fn version(&self) -> PortResult<String>;
    /// Builds an image under a tag for an architecture, streaming the log.
    async fn build(
        &self,
        folder: &Path,
        spec: &BuildSpec,
        generated_dockerfile: Option<&str>,
        tag: &str,
        architecture: &str,
        progress: Arc<dyn Progress>,
    ) -> PortResult<LocalImage>;
    /// Looks an image up by tag or id.
    async fn inspect(&self, reference: &str) -> PortResult<Option<LocalImage>>;
    /// Writes an image as a zstd archive to a file, leaving out the leading layers; answers the
    /// bytes written.
    async fn export(&self, image_id: &str, skip_layers: usize, to: &Path) -> PortResult<u64>;
    /// Removes a tag; `Ok` when it is gone already.
    async fn remove_tag(&self, tag: &str) -> PortResult<()>;
}

/// An answer seen from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// HTTP status.
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2`.
    pub version: String,
    /// First 4 KiB of the body, as text.
    pub body: String,
    /// Target of a redirect.
    pub location: Option<String>,
    /// Addresses that the name resolved to.
    pub addresses: Vec<String>,
}

/// Looks at a name as its users do: through the resolver and with certificates verified.
#[async_trait]
pub trait Outside: Send + Sync {
    /// Resolves a name by the resolver of the endpoint, or the system's.
    async fn resolve(&self, endpoint: &Endpoint, host: &HostName) -> PortResult<Vec<String>>;
    /// `GET url` without following redirects.
    async fn get(&self, endpoint: &Endpoint, url: &str) -> PortResult<Seen>;
}
