//! Disk images of an account: what a server can boot from.

use crate::{Engine, Result, ports::DiskSnapshot};
use plimsoll_domain::{ProviderAccountId, SnapshotId, recipe::Recipe};
use serde::{Deserialize, Serialize};

/// A disk image of an account, and what it is to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotState {
    /// The image at its provider.
    pub disk: DiskSnapshot,
    /// Our record of it, for a base snapshot.
    pub base_id: Option<SnapshotId>,
    /// Whether it is a base snapshot of another recipe than today's.
    pub outdated: bool,
}

impl Engine {
    /// The hash of today's recipe: what was prepared by another is outdated.
    pub fn recipe_hash(&self) -> String {
        Recipe::today(&self.world.settings.agent_hash).hash()
    }

    /// All disk images of an account, the newest first, base snapshots marked.
    pub async fn snapshots(&self, account: ProviderAccountId) -> Result<Vec<SnapshotState>> {
        let mut disks = self.disk_snapshots(account).await?;
        disks.sort_by(|a, b| b.created_at.cmp(&a.created_at));
        let bases = self.base_snapshots().await?;
        Ok(disks
            .into_iter()
            .map(|disk| {
                let base = bases.iter().find(|base| {
                    base.snapshot.account_id == account && base.snapshot.provider_ref == disk.id
                });
                SnapshotState {
                    base_id: base.map(|base| base.snapshot.id),
                    outdated: base.is_some_and(|base| base.outdated),
                    disk,
                }
            })
            .collect())
    }
}
