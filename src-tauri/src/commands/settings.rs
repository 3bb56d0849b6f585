//! What the people of this device prefer.

use crate::{
    desk::Desk,
    views::{CommandError, SettingsView},
};
use std::path::Path;
use tauri::State;

/// The preferences of this device.
#[tauri::command]
#[specta::specta]
pub async fn settings_load(desk: State<'_, Desk>) -> Result<SettingsView, CommandError> {
    Ok(desk.engine().await?.preferences().await?.into())
}

/// Keeps preferences.
#[tauri::command]
#[specta::specta]
pub async fn settings_save(
    desk: State<'_, Desk>,
    settings: SettingsView,
) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.set_preferences(settings.into()).await?)
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
