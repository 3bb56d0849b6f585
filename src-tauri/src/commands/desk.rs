//! Opening: what every page needs at first.

use crate::{
    desk::{self, Desk},
    views::{CommandError, DeskView},
};
use tauri::{AppHandle, State};

/// Every row of the nouns of which there are few, with the number of the last change in them.
#[tauri::command]
#[specta::specta]
pub async fn desk_load(desk: State<'_, Desk>) -> Result<DeskView, CommandError> {
    DeskView::read(&desk.engine().await?).await
}

/// Opens the engine again after it could not be opened.
#[tauri::command]
#[specta::specta]
pub fn desk_reopen(app: AppHandle) {
    desk::open(app);
}
