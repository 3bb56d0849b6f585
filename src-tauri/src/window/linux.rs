//! What only WebKitGTK needs. It runs the window's pages in a process beside ours, which is ended when
//! a preview stops it, and comes back when it was lost.

use super::MAIN;
use crate::watch;
use std::{
    cell::RefCell,
    time::{Duration, Instant},
};
use tauri::{AppHandle, Manager, Runtime, WebviewWindow};
use webkit2gtk::{SettingsExt, WebViewExt};

/// A page that is lost more often than so many times in [`WITHIN`] would be lost again.
const MOST: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);

/// Ends the process of the pages, whatever it does.
pub fn end<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window(MAIN) else {
        return;
    };
    if let Err(error) = window.with_webview(|view| view.inner().terminate_web_process()) {
        tracing::warn!("the window's page could not be ended: {error}");
    }
}

/// Has no name looked up before something is asked for: a page could tell by names alone what it
/// knows, and no policy is asked about them.
pub fn look_nothing_up<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
    window.with_webview(|view| {
        if let Some(settings) = view.inner().settings() {
            settings.set_enable_dns_prefetching(false);
        }
    })
}

/// Loads the page again, where it was, when its process is lost. What was shown in it may be why, so
/// canvases come back without scripts of their own.
pub fn come_back<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
    let app = window.app_handle().clone();
    window.with_webview(move |view| {
        let lost = RefCell::new(Vec::new());
        view.inner()
            .connect_web_process_terminated(move |view, why| {
                tracing::warn!("the process of the window's page is gone: {why:?}");
                watch::stop_scripts(&app);
                let mut lost = lost.borrow_mut();
                lost.retain(|before: &Instant| before.elapsed() < WITHIN);
                lost.push(Instant::now());
                if lost.len() <= MOST {
                    view.reload();
                }
            });
    })
}
