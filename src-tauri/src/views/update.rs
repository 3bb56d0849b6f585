//! New versions of Plimsoll itself.

use serde::{Deserialize, Serialize};
use specta::Type;

/// What is known of newer versions.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct UpdateView {
    /// The version that runs.
    pub current: String,
    /// Whether this build can be updated from inside.
    pub enabled: bool,
    /// Whether anybody was asked since the start.
    pub looked: bool,
    /// The newer version that was found.
    pub found: Option<FoundUpdateView>,
}

/// A newer version.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FoundUpdateView {
    /// Its number.
    pub version: String,
    /// What its makers say of it; may be empty.
    pub notes: String,
    /// When it was published, RFC 3339.
    pub published_at: Option<String>,
}
