//! The history: any part of it, one deployment, releases and what is between two of them.

use crate::{
    desk::Desk,
    views::{
        CommandError, ComparisonView, DeploymentDetailView, DeploymentFilterView, DeploymentId,
        DeploymentRowView, EnvironmentId, ReleaseId, ReleaseRowView, ServiceId,
    },
};
use tauri::State;

/// The ids of all deployments that a filter lets through, newest first.
#[tauri::command]
#[specta::specta]
pub async fn deployment_ids(
    desk: State<'_, Desk>,
    filter: DeploymentFilterView,
) -> Result<Vec<DeploymentId>, CommandError> {
    let ids = desk
        .engine()
        .await?
        .deployment_ids(&filter.try_into()?)
        .await?;
    Ok(ids.into_iter().map(Into::into).collect())
}

/// Deployments by their ids.
#[tauri::command]
#[specta::specta]
pub async fn deployment_rows(
    desk: State<'_, Desk>,
    ids: Vec<DeploymentId>,
) -> Result<Vec<DeploymentRowView>, CommandError> {
    let ids: Vec<_> = ids.into_iter().map(Into::into).collect();
    let rows = desk.engine().await?.deployment_rows(&ids).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// A deployment with its release and what else is kept of its service.
#[tauri::command]
#[specta::specta]
pub async fn deployment_get(
    desk: State<'_, Desk>,
    deployment_id: DeploymentId,
) -> Result<DeploymentDetailView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.deployment_detail(deployment_id.into()).await?.into())
}

/// The releases of a service in an environment that are kept, newest first.
#[tauri::command]
#[specta::specta]
pub async fn release_list(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
) -> Result<Vec<ReleaseRowView>, CommandError> {
    let engine = desk.engine().await?;
    let rows = engine
        .kept_releases(environment_id.into(), service_id.into())
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Two releases of one service side by side, without a variable's value.
#[tauri::command]
#[specta::specta]
pub async fn release_compare(
    desk: State<'_, Desk>,
    before: ReleaseId,
    after: ReleaseId,
) -> Result<ComparisonView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine
        .compare_releases(before.into(), after.into())
        .await?
        .into())
}
