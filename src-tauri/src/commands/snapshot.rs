//! Disk images of accounts.

use crate::{
    desk::Desk,
    views::{CommandError, PlanView, ProviderAccountId, SnapshotId, SnapshotView, ValuesView},
};
use plimsoll_domain::form::server;
use plimsoll_engine::{BaseSnapshotRequest, DeleteSnapshotRequest};
use tauri::State;

/// All disk images of an account, the newest first.
#[tauri::command]
#[specta::specta]
pub async fn snapshot_list(
    desk: State<'_, Desk>,
    account_id: ProviderAccountId,
) -> Result<Vec<SnapshotView>, CommandError> {
    let all = desk.engine().await?.snapshots(account_id.into()).await?;
    Ok(all.into_iter().map(Into::into).collect())
}

/// Plans a base snapshot of today's recipe; those that it outdates go at the end.
#[tauri::command]
#[specta::specta]
pub async fn snapshot_plan_base(
    desk: State<'_, Desk>,
    account_id: ProviderAccountId,
    values: ValuesView,
) -> Result<PlanView, CommandError> {
    let place = server::read_base(&values.into())?;
    let request = BaseSnapshotRequest::of(place, account_id.into());
    let planned = desk.engine().await?.plan_base_snapshot(request).await;
    Ok(planned.map_err(CommandError::of_server)?.into())
}

/// Plans to delete a base snapshot.
#[tauri::command]
#[specta::specta]
pub async fn snapshot_plan_delete_base(
    desk: State<'_, Desk>,
    snapshot_id: SnapshotId,
) -> Result<PlanView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine
        .plan_delete_base_snapshot(snapshot_id.into())
        .await?
        .into())
}

/// Plans to delete a disk image that is no base snapshot. `name` is its name, as somebody typed it.
#[tauri::command]
#[specta::specta]
pub async fn snapshot_plan_delete(
    desk: State<'_, Desk>,
    account_id: ProviderAccountId,
    snapshot_ref: String,
    name: String,
) -> Result<PlanView, CommandError> {
    let request = DeleteSnapshotRequest {
        account_id: account_id.into(),
        snapshot_ref,
        name,
    };
    Ok(desk
        .engine()
        .await?
        .plan_delete_snapshot(request)
        .await?
        .into())
}
