//! Plans: looked at, approved, made again.

use crate::{
    desk::Desk,
    views::{CommandError, PlanId, PlanView, ReceiptView},
};
use tauri::State;

/// A plan, as it was made.
#[tauri::command]
#[specta::specta]
pub async fn plan_get(desk: State<'_, Desk>, plan_id: PlanId) -> Result<PlanView, CommandError> {
    Ok(desk.engine().await?.plan(plan_id.into()).await?.into())
}

/// Puts exactly this plan in line; answers its job.
#[tauri::command]
#[specta::specta]
pub async fn plan_approve(
    desk: State<'_, Desk>,
    plan_id: PlanId,
) -> Result<ReceiptView, CommandError> {
    Ok(desk.engine().await?.approve(plan_id.into()).await?.into())
}

/// Makes a plan again, for the world as it is now.
#[tauri::command]
#[specta::specta]
pub async fn plan_again(desk: State<'_, Desk>, plan_id: PlanId) -> Result<PlanView, CommandError> {
    Ok(desk
        .engine()
        .await?
        .plan_again(plan_id.into())
        .await?
        .into())
}
