//! Opening: what every page needs at first, and the ways out when it does not open.

use crate::{
    desk::{self, Desk},
    links::StartPath,
    streams::Streams,
    terminals::Terminals,
    views::{CommandError, DeskStateView, DeskView, SecretText},
};
use tauri::{AppHandle, State};

/// Every row of the nouns of which there are few, with the number of the last change in them.
#[tauri::command]
#[specta::specta]
pub async fn desk_load(
    desk: State<'_, Desk>,
    start: State<'_, StartPath>,
    streams: State<'_, Streams>,
    terminals: State<'_, Terminals>,
) -> Result<DeskView, CommandError> {
    // A page that begins anew has forgotten what it was told before.
    streams.stop_all();
    terminals.close_all();
    let mut view = DeskView::read(&desk.engine().await?).await?;
    view.start_path = start.take();
    Ok(view)
}

/// How far the opening has come.
#[tauri::command]
#[specta::specta]
pub fn desk_state(desk: State<'_, Desk>) -> DeskStateView {
    desk.state()
}

/// Opens everything again: after it failed, or after somebody unlocked the keychain.
#[tauri::command]
#[specta::specta]
pub async fn desk_reopen(app: AppHandle) {
    desk::reopen(&app).await;
}

/// Goes on without the keychain: what needs a secret will say so.
#[tauri::command]
#[specta::specta]
pub async fn desk_open_anyway(app: AppHandle) {
    desk::open_anyway(&app).await;
}

/// Makes a vault, sealed with a passphrase, and uses it from now on instead of the keychain.
#[tauri::command]
#[specta::specta]
pub async fn vault_create(app: AppHandle, passphrase: SecretText) -> Result<(), CommandError> {
    let made = desk::create_vault(&app, passphrase.into_secret()).await;
    made.map_err(|error| error.about("passphrase"))
}

/// Opens the vault with its passphrase.
#[tauri::command]
#[specta::specta]
pub async fn vault_unlock(app: AppHandle, passphrase: SecretText) -> Result<(), CommandError> {
    let opened = desk::unlock_vault(&app, passphrase.into_secret()).await;
    opened.map_err(|error| error.about("passphrase"))
}

/// Puts a notice away.
#[tauri::command]
#[specta::specta]
pub async fn notice_dismiss(desk: State<'_, Desk>, id: String) -> Result<(), CommandError> {
    Ok(desk.engine().await?.dismiss_notice(&id).await?)
}
