//! New versions of Plimsoll itself.

use crate::{
    updates,
    views::{CommandError, UpdateView},
};
use tauri::AppHandle;

/// What is known of a newer version, without asking anybody.
#[tauri::command]
#[specta::specta]
pub async fn update_known(app: AppHandle) -> UpdateView {
    updates::of(&app).known(&app)
}

/// Asks whether there is a newer version.
#[tauri::command]
#[specta::specta]
pub async fn update_look(app: AppHandle) -> Result<UpdateView, CommandError> {
    updates::of(&app).look(&app).await
}

/// Installs the newer version that was found, and starts it in this one's place.
#[tauri::command]
#[specta::specta]
pub async fn update_install(app: AppHandle) -> Result<(), CommandError> {
    updates::of(&app).install(&app).await
}
