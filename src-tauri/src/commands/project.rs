//! Projects.

use crate::{
    desk::Desk,
    views::{CommandError, ProjectId, ReceiptView},
};
use plimsoll_domain::name::Name;
use tauri::State;

/// Creates a project.
#[tauri::command]
#[specta::specta]
pub async fn project_create(
    desk: State<'_, Desk>,
    name: String,
) -> Result<ReceiptView, CommandError> {
    let name = Name::parse(&name).map_err(|error| CommandError::from(error).about("name"))?;
    Ok(desk.engine().await?.create_project(name).await?.into())
}

/// Deletes a project without environments.
#[tauri::command]
#[specta::specta]
pub async fn project_delete(
    desk: State<'_, Desk>,
    project_id: ProjectId,
) -> Result<ReceiptView, CommandError> {
    Ok(desk
        .engine()
        .await?
        .delete_project(project_id.into())
        .await?
        .into())
}
