//! The process of the window's pages. On Windows previews run in another one, as they are of another
//! site, and WebView2 brings the pages back; on macOS no public call ends it.

use tauri::{AppHandle, Runtime, WebviewWindow};

/// Does nothing here.
pub fn end<R: Runtime>(_: &AppHandle<R>) {}

/// A web view that has a proxy looks nothing up itself.
pub fn look_nothing_up<R: Runtime>(_: &WebviewWindow<R>) -> tauri::Result<()> {
    Ok(())
}

/// Nothing needs to be done here.
pub fn come_back<R: Runtime>(_: &WebviewWindow<R>) -> tauri::Result<()> {
    Ok(())
}
