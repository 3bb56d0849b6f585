//! What actions do to the ground, in the background.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::books::{Action, ActionStatus, Droplet, DropletStatus, Work};
use super::catalogue::Size;
use super::firewalls;
use crate::api::books::Books;
use crate::api::state::ApiState;
use crate::ground::{Addresses, DropletSpec, GroundError, PowerAction};

/// How many actions the books keep.
const ACTIONS_KEPT: usize = 1_000;

impl Action {
    /// An action on a droplet that begins now.
    pub(super) fn on_droplet(id: u64, droplet: &Droplet, work: Work, now: Timestamp) -> Self {
        Self {
            id,
            account: droplet.account.clone(),
            work,
            status: ActionStatus::InProgress,
            started_at: now,
            completed_at: None,
            resource_id: droplet.id,
            resource_type: "droplet".to_owned(),
            region: droplet.region.clone(),
        }
    }
}

/// What the ground reported when it was done.
enum Outcome {
    Done,
    Booted(Addresses),
    Copied { bytes: u64 },
}

/// Carries on what a stop cut off.
pub(crate) fn resume(state: &ApiState) {
    let open: Vec<Action> = state.read(|books| {
        let open = |action: &&Action| action.status == ActionStatus::InProgress;
        books.actions.values().filter(open).cloned().collect()
    });
    for action in open {
        let state = state.clone();
        tokio::spawn(async move {
            // Half a machine or half a copy may be there; both are safe to remove.
            let cleared = match &action.work {
                Work::Create => state.ground().destroy(action.resource_id).await,
                Work::Snapshot { image_id } => state.ground().delete_snapshot(*image_id).await,
                _ => Ok(()),
            };
            if let Err(error) = cleared {
                tracing::warn!(%error, "could not clear what an interrupted action left");
            }
            run(&state, action.id).await;
        });
    }
    remove_doomed(state);
    let state = state.clone();
    tokio::spawn(async move { firewalls::apply(&state).await });
}

/// Starts the work of an action that is on the books.
pub(super) fn start(state: &ApiState, action_id: u64) {
    let state = state.clone();
    tokio::spawn(async move { run(&state, action_id).await });
}

async fn run(state: &ApiState, action_id: u64) {
    let Some(action) = state.read(|books| books.actions.get(&action_id).cloned()) else {
        return;
    };
    let pause = sleep(Duration::from_millis(state.delays().action_ms));
    let (outcome, ()) = tokio::join!(perform(state, &action), pause);
    if let Err(error) = &outcome {
        tracing::warn!(%error, action = action.work.kind(), "an action failed on the ground");
    }
    let now = state.now();
    state
        .note(|books| settle(books, &action, &outcome, now))
        .await;
    if matches!(
        action.work,
        Work::Create | Work::Rebuild { .. } | Work::Restore { .. }
    ) {
        firewalls::forget(state, action.resource_id).await;
        firewalls::apply(state).await;
    }
}

/// What the ground needs to boot this droplet from its present image.
fn spec(droplet: &Droplet) -> DropletSpec {
    let size = Size::find(&droplet.size);
    DropletSpec {
        id: droplet.id,
        name: droplet.name.clone(),
        region: droplet.region.clone(),
        vcpus: size.map_or(1, |size| size.vcpus),
        memory_mib: size.map_or(1_024, |size| size.memory),
        boot: droplet.boot.clone(),
        public_keys: droplet.public_keys.clone(),
        user_data: droplet.user_data.clone(),
        tags: droplet.tags.clone(),
    }
}

async fn perform(state: &ApiState, action: &Action) -> Result<Outcome, GroundError> {
    if !state.setbacks().pass(action.work.kind()).await {
        return Err(GroundError {
            doing: format!(
                "{} {} {}",
                action.work.kind(),
                action.resource_type,
                action.resource_id
            ),
            cause: "the lab was told to let it fail".to_owned(),
        });
    }
    let ground = state.ground();
    let droplet = || {
        let id = action.droplet().unwrap_or_default();
        state
            .read(|books| books.droplets.get(&id).cloned())
            .ok_or_else(|| GroundError {
                doing: format!("{} droplet {id}", action.work.kind()),
                cause: "it is no longer on the books".to_owned(),
            })
    };
    match &action.work {
        Work::Create => ground.create(&spec(&droplet()?)).await.map(Outcome::Booted),
        Work::Power(change) => ground
            .power(action.resource_id, *change)
            .await
            .map(|()| Outcome::Done),
        Work::Snapshot { image_id } => {
            let bytes = ground.snapshot(action.resource_id, *image_id).await?;
            Ok(Outcome::Copied { bytes })
        }
        Work::Rebuild { boot } | Work::Restore { boot } => {
            let spec = DropletSpec {
                boot: boot.clone(),
                ..spec(&droplet()?)
            };
            ground.rebuild(&spec).await.map(Outcome::Booted)
        }
        Work::Rename { .. } => Ok(Outcome::Done),
        Work::AssignIp { ip, droplet_id } => ground
            .assign_address(ip, Some(*droplet_id))
            .await
            .map(|()| Outcome::Done),
        Work::UnassignIp { ip } => ground
            .assign_address(ip, None)
            .await
            .map(|()| Outcome::Done),
    }
}

/// Forgets the oldest actions beyond a number that nobody pages through: every change rewrites the
/// books whole.
fn prune(books: &mut Books) {
    let excess = books.actions.len().saturating_sub(ACTIONS_KEPT);
    let over = books
        .actions
        .values()
        .filter(|action| action.status != ActionStatus::InProgress);
    let oldest: Vec<u64> = over.map(|action| action.id).take(excess).collect();
    for id in oldest {
        books.actions.remove(&id);
    }
}

/// Writes the end of an action and what it changed.
fn settle(
    books: &mut Books,
    action: &Action,
    outcome: &Result<Outcome, GroundError>,
    now: Timestamp,
) {
    if let Some(kept) = books.actions.get_mut(&action.id) {
        let done = outcome.is_ok();
        kept.status = if done {
            ActionStatus::Completed
        } else {
            ActionStatus::Errored
        };
        kept.completed_at = Some(now);
    }
    prune(books);
    let Ok(outcome) = outcome else {
        if let Work::Snapshot { image_id } = action.work {
            books.images.remove(&image_id);
            books.doomed_snapshots.push(image_id);
        }
        return;
    };
    if let (Work::Snapshot { image_id }, Outcome::Copied { bytes }) = (&action.work, outcome) {
        if let Some(image) = books.images.get_mut(image_id) {
            image.available = true;
            image.size_bytes = *bytes;
        }
        return;
    }
    match &action.work {
        Work::AssignIp { ip, droplet_id } => {
            if let Some(reserved) = books.reserved_ips.get_mut(ip) {
                reserved.droplet_id = Some(*droplet_id);
            }
            return;
        }
        Work::UnassignIp { ip } => {
            if let Some(reserved) = books.reserved_ips.get_mut(ip) {
                reserved.droplet_id = None;
            }
            return;
        }
        _ => {}
    }
    let Some(droplet) = books.droplets.get_mut(&action.resource_id) else {
        return;
    };
    if let Outcome::Booted(addresses) = outcome {
        droplet.addresses = Some(addresses.clone());
        droplet.active_at.get_or_insert(now);
    }
    match &action.work {
        Work::Create => droplet.status = DropletStatus::Active,
        Work::Rebuild { boot } | Work::Restore { boot } => {
            droplet.boot = boot.clone();
            droplet.status = DropletStatus::Active;
        }
        Work::Power(PowerAction::Off | PowerAction::Shutdown) => {
            droplet.status = DropletStatus::Off;
        }
        Work::Power(PowerAction::On | PowerAction::Reboot | PowerAction::Cycle) => {
            droplet.status = DropletStatus::Active;
        }
        Work::Rename { name } => droplet.name.clone_from(name),
        Work::Snapshot { .. } | Work::AssignIp { .. } | Work::UnassignIp { .. } => {}
    }
}

/// Removes from the ground what is no longer on the books, trying again where that fails; what
/// fails for long is tried again at the next start.
pub(super) fn remove_doomed(state: &ApiState) {
    let (droplets, snapshots) = state.read(|books| {
        (
            books.doomed_droplets.clone(),
            books.doomed_snapshots.clone(),
        )
    });
    for id in droplets {
        let state = state.clone();
        tokio::spawn(async move {
            // Rules of other droplets that named this one by its address lose that source.
            firewalls::forget(&state, id).await;
            firewalls::apply(&state).await;
            if insist(|| state.ground().destroy(id)).await {
                state
                    .note(|books| books.doomed_droplets.retain(|doomed| *doomed != id))
                    .await;
            }
        });
    }
    for id in snapshots {
        let state = state.clone();
        tokio::spawn(async move {
            if insist(|| state.ground().delete_snapshot(id)).await {
                state
                    .note(|books| books.doomed_snapshots.retain(|doomed| *doomed != id))
                    .await;
            }
        });
    }
}

async fn insist<F: Future<Output = Result<(), GroundError>>>(act: impl Fn() -> F) -> bool {
    for wait_ms in [200, 1_000, 5_000, 30_000] {
        match act().await {
            Ok(()) => return true,
            Err(error) => tracing::warn!(%error, "will be tried again"),
        }
        sleep(Duration::from_millis(wait_ms)).await;
    }
    act().await.is_ok()
}
