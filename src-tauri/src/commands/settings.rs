//! What the people of this device prefer.

use crate::{
    desk::Desk,
    views::{CommandError, SettingsView},
};
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
