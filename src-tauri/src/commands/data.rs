//! Everything that is kept on this machine: where, taken along, brought back, told to a helper.

use crate::{
    desk::{self, Desk},
    log::LastLines,
    views::{CommandError, DataLocationView, RestoredView, SavedView, SecretText},
};
use std::path::Path;
use tauri::{AppHandle, State};

/// Where everything is kept.
#[tauri::command]
#[specta::specta]
pub async fn data_location(desk: State<'_, Desk>) -> Result<DataLocationView, CommandError> {
    Ok(desk.engine().await?.whereabouts().await?.into())
}

/// Writes everything, secrets included, into one file sealed with a passphrase.
#[tauri::command]
#[specta::specta]
pub async fn data_export(
    desk: State<'_, Desk>,
    path: String,
    passphrase: SecretText,
) -> Result<SavedView, CommandError> {
    let engine = desk.engine().await?;
    let passphrase = passphrase.into_secret();
    let bytes =
        plimsoll_adapters::export_everything(&engine, Path::new(&path), &passphrase).await?;
    Ok(SavedView { path, bytes })
}

/// Puts everything from such a file in place of what is there, which is kept as an export of its
/// own. All pages load again.
#[tauri::command]
#[specta::specta]
pub async fn data_restore(
    app: AppHandle,
    path: String,
    passphrase: SecretText,
) -> Result<RestoredView, CommandError> {
    let before = desk::restore(&app, Path::new(&path), passphrase.into_secret()).await?;
    Ok(RestoredView {
        before: before.display().to_string(),
    })
}

/// Writes what a helper needs to know, without any secret, as `tar.zst`.
#[tauri::command]
#[specta::specta]
pub async fn diagnostics_save(
    desk: State<'_, Desk>,
    log: State<'_, LastLines>,
    path: String,
) -> Result<SavedView, CommandError> {
    let extra = vec![("window.log".to_owned(), log.text())];
    let diagnostics = desk.engine().await?.diagnostics(extra).await?;
    let bytes = plimsoll_adapters::save_diagnostics(diagnostics, Path::new(&path)).await?;
    Ok(SavedView { path, bytes })
}
