//! Projects and their environments.

use crate::{
    desk::Desk,
    views::{CommandError, EnvironmentId, PlanView, ProjectId, ReceiptView, ValuesView},
};
use plimsoll_domain::form;
use plimsoll_engine::RemoveEnvironmentRequest;
use std::path::PathBuf;
use tauri::State;

/// Creates a project from its form.
#[tauri::command]
#[specta::specta]
pub async fn project_create(
    desk: State<'_, Desk>,
    values: ValuesView,
) -> Result<ReceiptView, CommandError> {
    let name = form::project::read(&values.into())?;
    let created = desk.engine().await?.create_project(name).await;
    Ok(created.map_err(CommandError::of_name)?.into())
}

/// Gives a project other settings, from their form.
#[tauri::command]
#[specta::specta]
pub async fn project_set_settings(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    values: ValuesView,
) -> Result<ReceiptView, CommandError> {
    let settings = form::project::read_settings(&values.into())?;
    let engine = desk.engine().await?;
    let set = engine.set_project_settings(project_id.into(), settings);
    Ok(set.await.map_err(CommandError::of_pattern)?.into())
}

/// Deletes a project without environments.
#[tauri::command]
#[specta::specta]
pub async fn project_delete(
    desk: State<'_, Desk>,
    project_id: ProjectId,
) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.delete_project(project_id.into()).await?.into())
}

/// The folder of a project's files on this machine; none when it has none.
#[tauri::command]
#[specta::specta]
pub async fn project_folder(
    desk: State<'_, Desk>,
    project_id: ProjectId,
) -> Result<Option<String>, CommandError> {
    let engine = desk.engine().await?;
    let folder = engine.project_folder(project_id.into()).await?;
    Ok(folder.map(|folder| folder.display().to_string()))
}

/// Adopts a folder as that of a project's files; nothing in it is changed by that. `make` makes it
/// where it is not there yet.
#[tauri::command]
#[specta::specta]
pub async fn project_set_folder(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    folder: PathBuf,
    make: bool,
) -> Result<ReceiptView, CommandError> {
    let (engine, id) = (desk.engine().await?, project_id.into());
    let set = match make {
        true => engine.make_project_folder(id, &folder).await,
        false => engine.set_project_folder(id, &folder).await,
    };
    Ok(set?.into())
}

/// Creates an environment from its form.
#[tauri::command]
#[specta::specta]
pub async fn environment_create(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    values: ValuesView,
) -> Result<ReceiptView, CommandError> {
    let (name, servers) = form::environment::read(&values.into())?;
    let engine = desk.engine().await?;
    let created = engine.create_environment(project_id.into(), name, servers);
    Ok(created.await.map_err(CommandError::of_name)?.into())
}

/// Gives an environment other servers, from its form.
#[tauri::command]
#[specta::specta]
pub async fn environment_set_servers(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    values: ValuesView,
) -> Result<ReceiptView, CommandError> {
    let servers = form::environment::read_servers(&values.into())?;
    let engine = desk.engine().await?;
    let set = engine.set_environment_servers(environment_id.into(), servers);
    Ok(set.await?.into())
}

/// Deletes an environment in which nothing runs.
#[tauri::command]
#[specta::specta]
pub async fn environment_delete(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine
        .delete_environment(environment_id.into())
        .await?
        .into())
}

/// Plans to remove an environment with everything that runs in it.
#[tauri::command]
#[specta::specta]
pub async fn environment_plan_remove(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    volumes: bool,
) -> Result<PlanView, CommandError> {
    let request = RemoveEnvironmentRequest {
        environment_id: environment_id.into(),
        volumes,
    };
    let engine = desk.engine().await?;
    Ok(engine.plan_remove_environment(request).await?.into())
}
