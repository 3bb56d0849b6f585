//! Disk images of an account: what a server can boot from.

use super::ServerAction;
use crate::{
    Engine, Plan, Result,
    error::EngineError,
    intent::Intent,
    ports::{DiskSnapshot, PortResult},
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{ProviderAccountId, SnapshotId, recipe::Recipe, server::Provider};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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

/// A disk image that is to be deleted. It may be the only copy of somebody's data, so it has to be
/// named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteSnapshotRequest {
    /// The account that keeps it.
    pub account_id: ProviderAccountId,
    /// The provider's id of it.
    pub snapshot_ref: String,
    /// Its name, repeated.
    pub name: String,
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

    /// Plans to delete a disk image that is no base snapshot.
    ///
    /// # Errors
    /// `snapshot_unknown`, `snapshot_is_base`, and `name_differs` when another one is named.
    pub async fn plan_delete_snapshot(&self, request: DeleteSnapshotRequest) -> Result<Plan> {
        let disk = observe(&self.world, &request).await?;
        let bases = self.world.store.snapshots_of(request.account_id).await?;
        if bases.iter().any(|base| base.provider_ref == disk.id) {
            return Err(EngineError::refused(
                "snapshot_is_base",
                format!("“{}” is a base snapshot: servers boot from it.", disk.name),
            )
            .next_step("Delete it as a base snapshot."));
        }
        if request.name != disk.name {
            return Err(EngineError::refused(
                "name_differs",
                format!("The snapshot is called “{}”.", disk.name),
            )
            .evidence([format!("it was named “{}”", request.name.escape_debug())])
            .next_step("Repeat its name: what is on it cannot be brought back."));
        }
        let mut steps = Steps::default();
        steps.then(
            format!("Delete the snapshot “{}” at the provider", disk.name),
            ServerAction::DeleteSnapshot {
                account_id: request.account_id,
                snapshot_ref: disk.id.clone(),
                name: disk.name.clone(),
            },
        );
        let prepared = Prepared {
            title: format!("Delete the snapshot “{}”", disk.name),
            steps: steps.finish(),
            notices: vec![format!(
                "What was on the disk on {} cannot be brought back from it any more. Servers that \
                 booted from it are not touched.",
                disk.created_at.get(..10).unwrap_or(&disk.created_at)
            )],
        };
        self.save_plan(&Intent::DeleteSnapshot(request), &disk, prepared)
            .await
    }
}

pub(crate) async fn observe(
    world: &World,
    request: &DeleteSnapshotRequest,
) -> Result<DiskSnapshot> {
    let account = world
        .account(request.account_id, Provider::Digitalocean)
        .await?;
    let all = world.ports.compute.snapshots(&account).await?;
    all.into_iter()
        .find(|disk| disk.id == request.snapshot_ref)
        .ok_or_else(|| {
            EngineError::not_found(
                "snapshot_unknown",
                format!(
                    "The account “{}” has no snapshot {}.",
                    account.name,
                    request.snapshot_ref.escape_debug()
                ),
            )
            .next_step("List the account's snapshots.")
        })
}

pub(super) async fn delete(
    world: &World,
    account_id: ProviderAccountId,
    snapshot_ref: &str,
    name: &str,
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Digitalocean).await?;
    // Written before the act, which lies outside the store.
    world
        .auditor
        .record_before(
            &world.store,
            "snapshot.delete",
            &format!("snapshot:{snapshot_ref}"),
            json!({"account": account.name, "name": name}),
        )
        .await?;
    world
        .ports
        .compute
        .delete_snapshot(&account, snapshot_ref)
        .await?;
    Ok(json!({"deleted": true}))
}
