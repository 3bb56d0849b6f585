//! What the people of this device prefer.

use crate::{
    desk::Desk,
    views::{CommandError, LookView, SettingsView, ValuesView},
};
use plimsoll_domain::form;
use std::path::Path;
use tauri::State;

/// The preferences of this device.
#[tauri::command]
#[specta::specta]
pub async fn settings_load(desk: State<'_, Desk>) -> Result<SettingsView, CommandError> {
    Ok(desk.engine().await?.preferences().await?.into())
}

/// Keeps how the window looks.
#[tauri::command]
#[specta::specta]
pub async fn settings_look(desk: State<'_, Desk>, look: LookView) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    let preferences = look.of(engine.preferences().await?);
    Ok(engine.set_preferences(preferences).await?)
}

/// Keeps the other preferences, from their form.
#[tauri::command]
#[specta::specta]
pub async fn settings_save(desk: State<'_, Desk>, values: ValuesView) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    let before = engine.preferences().await?;
    let preferences = form::preferences::read(&values.into(), &before)?;
    Ok(engine.set_preferences(preferences).await?)
}

/// Writes the settings of this device and of every project to a file.
#[tauri::command]
#[specta::specta]
pub async fn settings_export(desk: State<'_, Desk>, path: String) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.export_settings(Path::new(&path)).await?)
}

/// Takes over the settings of a file; answers the projects that are not here.
#[tauri::command]
#[specta::specta]
pub async fn settings_import(
    desk: State<'_, Desk>,
    path: String,
) -> Result<Vec<String>, CommandError> {
    let engine = desk.engine().await?;
    let unknown = engine.import_settings(Path::new(&path)).await?;
    Ok(unknown.iter().map(ToString::to_string).collect())
}
