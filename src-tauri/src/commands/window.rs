//! What becomes of the window while jobs run.

use crate::{views::CommandError, window};
use tauri::AppHandle;

/// Hides the window; jobs go on. The tray, or starting Plimsoll again, brings it back.
#[tauri::command]
#[specta::specta]
pub fn window_hide(app: AppHandle) -> Result<(), CommandError> {
    window::hide(&app).map_err(|error| {
        CommandError::input(
            "window_stays",
            format!("The window could not be hidden: {error}."),
            "Leave it open until the job has ended.",
        )
    })
}

/// Ends the program; jobs that run become interrupted and can be resumed or undone later.
#[tauri::command]
#[specta::specta]
pub fn window_quit(app: AppHandle) {
    app.exit(0);
}
