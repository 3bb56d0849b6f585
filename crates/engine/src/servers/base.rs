//! Base snapshots: a machine prepared once, from which others boot in a fraction of the time.

use super::{ServerAction, create, provision, run};
use crate::{
    Engine, Plan, Result,
    error::EngineError,
    intent::Intent,
    keys::login_key,
    ports::{PortError, PortResult},
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    ProviderAccountId, ServerId, SnapshotId,
    name::Name,
    recipe::{self, Recipe},
    server::{BaseSnapshot, Provider},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Where and on what a base snapshot is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseSnapshotRequest {
    /// The account that keeps it.
    pub account_id: ProviderAccountId,
    /// Region slug.
    pub region: String,
    /// Size slug of the machine that is rented for it: servers with a smaller disk cannot boot
    /// from the snapshot.
    pub size: String,
}

/// A base snapshot and whether it is of today's recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseSnapshotState {
    /// The snapshot.
    pub snapshot: BaseSnapshot,
    /// Whether the recipe has changed since.
    pub outdated: bool,
}

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    price_cents_month: Option<u64>,
    recipe_hash: String,
    outdated: Vec<BaseSnapshot>,
}

impl Engine {
    /// All base snapshots.
    pub async fn base_snapshots(&self) -> Result<Vec<BaseSnapshotState>> {
        let today = Recipe::today(&self.world.settings.agent_hash).hash();
        let all = self.world.store.all::<BaseSnapshot>().await?;
        Ok(all
            .into_iter()
            .map(|snapshot| BaseSnapshotState {
                outdated: snapshot.recipe_hash != today,
                snapshot,
            })
            .collect())
    }

    /// Plans a base snapshot of today's recipe: a machine is rented for some minutes, prepared,
    /// stripped of its identity, kept as an image and destroyed. Outdated ones in the same region
    /// are deleted at the end.
    pub async fn plan_base_snapshot(&self, request: BaseSnapshotRequest) -> Result<Plan> {
        let observed = observe_base(&self.world, &request).await?;
        let Some(price) = observed.price_cents_month else {
            return Err(EngineError::bad_input(
                "size_unavailable",
                format!(
                    "The size “{}” cannot be had in “{}”.",
                    request.size.escape_debug(),
                    request.region.escape_debug()
                ),
            )
            .next_step("List what the account offers."));
        };
        let key = login_key(&self.world).await?;
        let now = self.world.now();
        let server_id = ServerId::mint(now, self.world.entropy());
        let snapshot_id = SnapshotId::mint(now, self.world.entropy());
        let recipe = Recipe::today(&self.world.settings.agent_hash);
        let short = &server_id.to_string()[24..];
        let mut server = create::unborn(
            server_id,
            Name::suggest(&format!("base-{short}")),
            Some(request.account_id),
            now,
        );
        server.region = Some(request.region.clone());
        server.size = Some(request.size.clone());
        let image_name = format!("plimsoll-base-{}-{short}", recipe.short_hash());

        let mut steps = Steps::default();
        provision::born(
            &mut steps,
            &server,
            key.id,
            provision::STOCK_IMAGE,
            "the stock image",
            &[],
            price,
        );
        provision::prepared(&mut steps, server_id, &recipe);
        steps
            .then(
                "Remove everything that makes this machine different from another",
                ServerAction::ForgetIdentity { server_id },
            )
            .on(server_id);
        steps
            .then(
                format!("Take the snapshot “{image_name}”"),
                ServerAction::Snapshot {
                    account_id: request.account_id,
                    server_id,
                    name: image_name.clone(),
                },
            )
            .on(server_id)
            .undo("delete the snapshot");
        steps
            .then(
                "Write the base snapshot down",
                ServerAction::RecordBase {
                    snapshot_id,
                    account_id: request.account_id,
                    name: image_name,
                    recipe_hash: observed.recipe_hash.clone(),
                },
            )
            .undo("strike it out");
        steps
            .then("Destroy the machine", ServerAction::Dismiss { server_id })
            .on(server_id)
            .price(-i64::try_from(price).unwrap_or(i64::MAX));
        for old in &observed.outdated {
            steps.then(
                "Delete the outdated base snapshot",
                ServerAction::DeleteBase {
                    snapshot_id: old.id,
                },
            );
        }
        let prepared = Prepared {
            title: "Build a base snapshot".to_owned(),
            steps: steps.finish(),
            notices: vec!["The machine is rented for some minutes only.".to_owned()],
        };
        self.save_plan(&Intent::BaseSnapshot(request), &observed, prepared)
            .await
    }

    /// Plans to delete a base snapshot.
    pub async fn plan_delete_base_snapshot(&self, snapshot_id: SnapshotId) -> Result<Plan> {
        let observed = observe_delete(&self.world, snapshot_id).await?;
        let mut steps = Steps::default();
        steps.then(
            "Delete the base snapshot at the provider and here",
            ServerAction::DeleteBase { snapshot_id },
        );
        let prepared = Prepared {
            title: "Delete a base snapshot".to_owned(),
            steps: steps.finish(),
            notices: vec!["Servers that booted from it are not touched.".to_owned()],
        };
        self.save_plan(
            &Intent::DeleteBaseSnapshot { snapshot_id },
            &observed,
            prepared,
        )
        .await
    }
}

pub(crate) async fn observe_base(world: &World, request: &BaseSnapshotRequest) -> Result<Observed> {
    let account = world
        .account(request.account_id, Provider::Digitalocean)
        .await?;
    let sizes = world.ports.compute.sizes(&account).await?;
    let recipe_hash = Recipe::today(&world.settings.agent_hash).hash();
    let outdated = world
        .store
        .snapshots_of(request.account_id)
        .await?
        .into_iter()
        .filter(|base| base.recipe_hash != recipe_hash && base.regions.contains(&request.region))
        .collect();
    Ok(Observed {
        price_cents_month: sizes
            .iter()
            .find(|size| {
                size.slug == request.size
                    && size.available
                    && size.regions.contains(&request.region)
            })
            .map(|size| size.price_cents_month),
        recipe_hash,
        outdated,
    })
}

pub(crate) async fn observe_delete(world: &World, snapshot_id: SnapshotId) -> Result<BaseSnapshot> {
    Ok(world.store.need::<BaseSnapshot>(&snapshot_id).await?)
}

pub(super) async fn forget_identity(world: &World, server_id: ServerId) -> PortResult<Value> {
    let (_, target) = world.target(server_id).await?;
    // One connection to the end: without host keys and our login key nobody comes in again.
    for argv in recipe::forget_identity() {
        run(world, &target, &argv, "remove the machine's identity").await?;
    }
    Ok(json!({"forgotten": true}))
}

pub(super) async fn recorded(world: &World, id: SnapshotId) -> PortResult<Option<Value>> {
    let found = world.store.get::<BaseSnapshot>(&id).await?;
    Ok(found.map(|snapshot| json!({"provider_ref": snapshot.provider_ref})))
}

pub(super) async fn record(
    world: &World,
    id: SnapshotId,
    account_id: ProviderAccountId,
    name: &str,
    recipe_hash: &str,
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Digitalocean).await?;
    let disk = world
        .ports
        .compute
        .snapshots(&account)
        .await?
        .into_iter()
        .find(|disk| disk.name == name)
        .ok_or_else(|| {
            PortError::new(
                "snapshot_missing",
                format!("The provider does not list the snapshot “{name}”."),
            )
            .next_step("Build it again.")
        })?;
    let snapshot = BaseSnapshot {
        id,
        account_id,
        provider_ref: disk.id.clone(),
        recipe_hash: recipe_hash.to_owned(),
        regions: disk.regions,
        size_bytes: disk.size_bytes,
        min_disk_gib: disk.min_disk_gib,
        created_at: world.now(),
    };
    let mut write = world.store.write().await?;
    write.put(&snapshot).await?;
    world
        .auditor
        .record(
            &mut write,
            "base_snapshot.build",
            &format!("base_snapshot:{id}"),
            json!({"provider_ref": disk.id, "recipe_hash": recipe_hash}),
        )
        .await?;
    write.commit().await?;
    Ok(json!({"provider_ref": disk.id}))
}

pub(super) async fn unrecord(world: &World, id: SnapshotId) -> PortResult<()> {
    let mut write = world.store.write().await?;
    if write.get::<BaseSnapshot>(&id).await?.is_some() {
        write.delete::<BaseSnapshot>(&id).await?;
    }
    write.commit().await?;
    Ok(())
}

pub(super) async fn delete(world: &World, id: SnapshotId) -> PortResult<Value> {
    let Some(snapshot) = world.store.get::<BaseSnapshot>(&id).await? else {
        return Ok(json!({"deleted": false}));
    };
    let account = world
        .account(snapshot.account_id, Provider::Digitalocean)
        .await?;
    world
        .ports
        .compute
        .delete_snapshot(&account, &snapshot.provider_ref)
        .await?;
    unrecord(world, id).await?;
    Ok(json!({"deleted": true}))
}
