//! Where a service's code comes from.

use serde::{Deserialize, Serialize};

/// The origin of a release's bytes. Credentials are never part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A folder on this machine.
    Folder {
        /// Absolute path.
        path: String,
    },
    /// A git repository.
    Git {
        /// `https://…`, `ssh://…` or `git@…` without credentials.
        url: String,
        /// What to check out.
        reference: GitReference,
        /// Folder inside the repository; empty for its root.
        #[serde(default)]
        folder: String,
    },
    /// An image that exists already.
    Image {
        /// Reference as Docker understands it, such as `ghcr.io/acme/web:1.2`.
        reference: String,
    },
}

/// What to check out of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum GitReference {
    /// The remote's default branch.
    Default,
    /// A branch by name.
    Branch(String),
    /// A commit by its full or abbreviated hash.
    Commit(String),
}

/// Where a release's bytes came from, exactly: recorded with it and shown in history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Provenance {
    /// The git commit, where there is one.
    pub commit: Option<String>,
    /// BLAKE3 over the manifest of the build context, where something was built.
    pub content_hash: Option<String>,
    /// The image reference that was resolved, where an image was given.
    pub image_reference: Option<String>,
    /// Whether the Dockerfile was generated, and for which stack.
    pub generated_for: Option<String>,
}
