//! Services, and what can be planned for them in an environment.

use crate::{
    desk::Desk,
    views::{
        CommandError, ConfigurationId, EnvironmentId, PlanView, ProjectId, ReceiptView, SecretText,
        ServiceId, ValuesView,
    },
};
use plimsoll_domain::form;
use plimsoll_engine::{
    DeployRequest, NewService, ReconfigureRequest, RemoveServiceRequest, RestartRequest,
    RollbackRequest,
};
use tauri::State;

/// Creates a service from its form.
#[tauri::command]
#[specta::specta]
pub async fn service_create(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    values: ValuesView,
) -> Result<ReceiptView, CommandError> {
    let (name, source, spec) = form::service::read(&values.into())?;
    let new = NewService {
        project_id: project_id.into(),
        name,
        source,
        spec,
    };
    let created = desk.engine().await?.create_service(new).await;
    Ok(created.map_err(CommandError::of_name)?.into())
}

/// Changes a service's settings, from their form.
#[tauri::command]
#[specta::specta]
pub async fn service_update(
    desk: State<'_, Desk>,
    service_id: ServiceId,
    values: ValuesView,
) -> Result<ReceiptView, CommandError> {
    let (source, spec) = form::service::read_settings(&values.into())?;
    let engine = desk.engine().await?;
    let updated = engine.update_service(service_id.into(), Some(source), Some(spec));
    Ok(updated.await?.into())
}

/// Deletes a service that runs in no environment.
#[tauri::command]
#[specta::specta]
pub async fn service_delete(
    desk: State<'_, Desk>,
    service_id: ServiceId,
) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.delete_service(service_id.into()).await?.into())
}

/// Keeps the token for a service's source in the keychain; none forgets it.
#[tauri::command]
#[specta::specta]
pub async fn service_set_source_token(
    desk: State<'_, Desk>,
    service_id: ServiceId,
    text: Option<SecretText>,
) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    let token = text.map(SecretText::trimmed);
    Ok(engine.set_source_token(service_id.into(), token).await?)
}

/// Plans a new release; with a saved configuration instead of the service's own settings, when one
/// is named.
#[tauri::command]
#[specta::specta]
pub async fn service_plan_deploy(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    configuration_id: Option<ConfigurationId>,
) -> Result<PlanView, CommandError> {
    let request = DeployRequest {
        environment_id: environment_id.into(),
        service_id: service_id.into(),
        reference: None,
        configuration_id: configuration_id.map(Into::into),
        version: None,
    };
    Ok(desk.engine().await?.plan_deploy(request).await?.into())
}

/// Plans to run the release that serves with the settings and variables of today.
#[tauri::command]
#[specta::specta]
pub async fn service_plan_reconfigure(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
) -> Result<PlanView, CommandError> {
    let request = ReconfigureRequest {
        environment_id: environment_id.into(),
        service_id: service_id.into(),
    };
    Ok(desk.engine().await?.plan_reconfigure(request).await?.into())
}

/// Plans to start the release that serves anew, as it is.
#[tauri::command]
#[specta::specta]
pub async fn service_plan_restart(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
) -> Result<PlanView, CommandError> {
    let request = RestartRequest {
        environment_id: environment_id.into(),
        service_id: service_id.into(),
    };
    Ok(desk.engine().await?.plan_restart(request).await?.into())
}

/// Plans to go back to a release: the one of that number, or the one before the one that serves.
#[tauri::command]
#[specta::specta]
pub async fn service_plan_rollback(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    to: Option<u32>,
) -> Result<PlanView, CommandError> {
    let request = RollbackRequest {
        environment_id: environment_id.into(),
        service_id: service_id.into(),
        to,
    };
    Ok(desk.engine().await?.plan_rollback(request).await?.into())
}

/// Plans to remove a service from an environment's servers.
#[tauri::command]
#[specta::specta]
pub async fn service_plan_remove(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    volumes: bool,
) -> Result<PlanView, CommandError> {
    let request = RemoveServiceRequest {
        environment_id: environment_id.into(),
        service_id: service_id.into(),
        volumes,
    };
    Ok(desk
        .engine()
        .await?
        .plan_remove_service(request)
        .await?
        .into())
}
