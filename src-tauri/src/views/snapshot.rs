//! Disk images of accounts: what servers boot from.

use super::{ProviderAccountId, SnapshotId};
use plimsoll_domain::server::BaseSnapshot;
use plimsoll_engine::SnapshotState;
use serde::{Deserialize, Serialize};
use specta::Type;

/// A base snapshot, as we keep it.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct BaseSnapshotView {
    /// Id.
    pub id: SnapshotId,
    /// The account that keeps it.
    pub account_id: ProviderAccountId,
    /// The provider's id of it.
    pub provider_ref: String,
    /// Hash of the recipe by which it was made; outdated when it is not today's.
    pub recipe_hash: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
}

impl From<BaseSnapshot> for BaseSnapshotView {
    fn from(snapshot: BaseSnapshot) -> Self {
        Self {
            id: snapshot.id.into(),
            account_id: snapshot.account_id.into(),
            provider_ref: snapshot.provider_ref,
            recipe_hash: snapshot.recipe_hash,
            created_at: snapshot.created_at.to_string(),
        }
    }
}

/// A disk image at its provider.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct SnapshotView {
    /// The provider's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Region slugs where it can be used.
    pub regions: Vec<String>,
    /// Smallest disk, GiB.
    pub min_disk_gib: u64,
    /// Size, bytes.
    pub size_bytes: u64,
    /// When it was taken, RFC 3339.
    pub created_at: String,
    /// Our record of it, for a base snapshot.
    pub base_id: Option<SnapshotId>,
    /// Whether it is a base snapshot of another recipe than today's.
    pub outdated: bool,
}

impl From<SnapshotState> for SnapshotView {
    fn from(state: SnapshotState) -> Self {
        Self {
            id: state.disk.id,
            name: state.disk.name,
            regions: state.disk.regions,
            min_disk_gib: state.disk.min_disk_gib,
            size_bytes: state.disk.size_bytes,
            created_at: state.disk.created_at,
            base_id: state.base_id.map(Into::into),
            outdated: state.outdated,
        }
    }
}
