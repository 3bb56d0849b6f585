//! Terminals on servers.

use crate::{
    desk::Desk,
    terminals::{PageScreen, Terminals},
    views::{CommandError, ScreenBytes, ScreenSizeView, ServerId, TerminalEndView},
};
use std::sync::Arc;
use tauri::{State, ipc::Channel};

/// Opens a terminal on a server; answers its number. The page has to say what it has shown, or no
/// more comes.
#[tauri::command]
#[specta::specta]
pub async fn terminal_open(
    desk: State<'_, Desk>,
    terminals: State<'_, Terminals>,
    server_id: ServerId,
    size: ScreenSizeView,
    bytes: Channel<ScreenBytes>,
    end: Channel<TerminalEndView>,
) -> Result<u32, CommandError> {
    let screen = Arc::new(PageScreen::new(bytes, end));
    let engine = desk.engine().await?;
    let terminal = engine
        .open_terminal(server_id.into(), size.into(), screen.clone())
        .await?;
    Ok(terminals.keep(terminal, screen))
}

/// Sends what was typed.
#[tauri::command]
#[specta::specta]
pub async fn terminal_write(
    terminals: State<'_, Terminals>,
    number: u32,
    text: String,
) -> Result<(), CommandError> {
    if let Some(terminal) = terminals.get(number) {
        terminal.write(text.as_bytes()).await;
    }
    Ok(())
}

/// Tells the size of the screen.
#[tauri::command]
#[specta::specta]
pub fn terminal_resize(terminals: State<'_, Terminals>, number: u32, size: ScreenSizeView) {
    if let Some(terminal) = terminals.get(number) {
        terminal.resize(size.into());
    }
}

/// Says how many bytes in all have been shown.
#[tauri::command]
#[specta::specta]
pub fn terminal_ack(terminals: State<'_, Terminals>, number: u32, total: u64) {
    terminals.acknowledge(number, total);
}

/// Hangs up.
#[tauri::command]
#[specta::specta]
pub fn terminal_close(terminals: State<'_, Terminals>, number: u32) {
    terminals.close(number);
}
