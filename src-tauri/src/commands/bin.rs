//! The bins of projects.

use crate::{
    desk::Desk,
    views::{BinEntryView, CommandError, EmptiedView, ProjectId, RestorationView},
};
use tauri::State;

/// Puts a file or a folder of a project into its bin.
#[tauri::command]
#[specta::specta]
pub async fn file_delete(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    path: String,
) -> Result<BinEntryView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.delete_file(project_id.into(), &path).await?.into())
}

/// What is in the bin of a project, newest first.
#[tauri::command]
#[specta::specta]
pub async fn bin_list(
    desk: State<'_, Desk>,
    project_id: ProjectId,
) -> Result<Vec<BinEntryView>, CommandError> {
    let entries = desk.engine().await?.bin(project_id.into()).await?;
    Ok(entries.into_iter().map(Into::into).collect())
}

/// Puts something back from the bin where it was, or beside what is there now.
#[tauri::command]
#[specta::specta]
pub async fn bin_restore(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    id: String,
) -> Result<RestorationView, CommandError> {
    let engine = desk.engine().await?;
    let back = engine.restore_from_bin(project_id.into(), &id).await?;
    Ok(back.into())
}

/// Removes one thing from the bin for good; without an id, everything.
#[tauri::command]
#[specta::specta]
pub async fn bin_empty(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    id: Option<String>,
) -> Result<EmptiedView, CommandError> {
    let engine = desk.engine().await?;
    let emptied = engine.empty_bin(project_id.into(), id.as_deref());
    Ok(emptied.await?.into())
}
