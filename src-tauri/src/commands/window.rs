//! What becomes of the window while jobs or services run.

use crate::{
    desk::Desk,
    ending::{self, Kept},
    views::CommandError,
    window,
};
use tauri::{AppHandle, State};

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

/// What was typed is kept: the program may end.
#[tauri::command]
#[specta::specta]
pub fn window_kept(kept: State<'_, Kept>) {
    kept.say();
}

/// Ends the program; jobs that run become interrupted and can be resumed or undone later. Services
/// that it has started on this machine are stopped first, or left running; what is remembered is not
/// asked again.
#[tauri::command]
#[specta::specta]
pub async fn window_quit(
    app: AppHandle,
    desk: State<'_, Desk>,
    keep_runs: bool,
    remember: bool,
) -> Result<(), CommandError> {
    if let Some(engine) = desk.engine_now() {
        engine.quit_runs(keep_runs, remember).await?;
    }
    ending::end(&app).await;
    Ok(())
}
