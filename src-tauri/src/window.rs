//! The one window: where it may go, which is nowhere; how it is closed while something runs.

use crate::{
    activity::Activity, canvas, desk::Desk, drops, ending, gate, locale, tray::Tray,
    views::CloseAsked,
};
use plimsoll_domain::preferences::AtQuit;
use plimsoll_engine::Engine;
use std::time::Duration;
use tauri::{
    AppHandle, Manager, Runtime, Url, WebviewUrl, WebviewWindowBuilder, Window, WindowEvent,
    plugin::{Builder, TauriPlugin},
    webview::{Color, NewWindowResponse},
};
use tauri_plugin_window_state::StateFlags;
use tauri_specta::Event;
use tokio::time::timeout;

#[cfg(target_os = "linux")]
#[path = "window/linux.rs"]
mod page;
#[cfg(not(target_os = "linux"))]
#[path = "window/elsewhere.rs"]
mod page;

pub use page::end as end_page;

/// The window's label, which its capability names.
pub const MAIN: &str = "main";
/// What the window shows before its page does: the dark theme's background.
const NIGHT: Color = Color(2, 6, 23, 255);
/// How long it may take to tell what runs on this machine before the window is closed all the same.
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// Where the size and place of the window are kept, in the folder for settings.
const STATE_FILE: &str = "window.json";

/// Opens the main window.
pub fn open<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Plimsoll")
        .inner_size(1280.0, 800.0)
        .min_inner_size(1024.0, 700.0)
        .background_color(NIGHT)
        .initialization_script(locale::GUARD)
        .initialization_script(canvas::GUARD)
        .on_navigation(may_be_shown)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .devtools(cfg!(debug_assertions))
        .general_autofill_enabled(false)
        .proxy_url(gate::open(app)?)
        .build()?;
    page::look_nothing_up(&window)?;
    page::come_back(&window)
}

/// Whether an address is one of our own pages. On Windows and Android Tauri serves them over http
/// from the host `tauri.localhost`.
pub fn is_ours(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => {
            url.host_str() == Some("tauri.localhost")
                || (tauri::is_dev()
                    && url.host_str() == Some("localhost")
                    && url.port() == Some(1420))
        }
        _ => false,
    }
}

/// Whether an address may be gone to, by the window or, where these ask here as well, by a frame in
/// it. Only previews may fill a frame; one that would become the window is sent away by
/// [`canvas::GUARD`], and commands nothing. On Windows frames do not ask here.
fn may_be_shown(url: &Url) -> bool {
    is_ours(url) || (!cfg!(windows) && canvas::is_preview(url))
}

/// Whether the window shows a page of ours, and not something else that came to stand in its place.
pub fn shows_our_page<R: Runtime>(app: &AppHandle<R>) -> bool {
    app.get_webview_window(MAIN)
        .and_then(|window| window.url().ok())
        .is_some_and(|url| is_ours(&url))
}

/// Shows the window, wherever it is.
pub fn show<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window(MAIN) else {
        return;
    };
    let shown = window
        .unminimize()
        .and_then(|()| window.show())
        .and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!("the window could not be shown: {error}");
    }
}

/// Hides the window; the program goes on.
pub fn hide<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    match app.get_webview_window(MAIN) {
        Some(window) => window.hide(),
        None => Ok(()),
    }
}

/// Whether somebody works at the window now.
pub fn is_in_front<R: Runtime>(app: &AppHandle<R>) -> bool {
    app.get_webview_window(MAIN)
        .is_some_and(|window| window.is_focused().unwrap_or(false))
}

/// Closing the window while something runs asks first; the page shows the question. What is dropped on
/// it is told to the page.
pub fn on_event<R: Runtime>(window: &Window<R>, event: &WindowEvent) {
    match event {
        WindowEvent::CloseRequested { api, .. } => {
            api.prevent_close();
            quit_or_ask(window.app_handle());
        }
        WindowEvent::DragDrop(event) => drops::on_event(window, event),
        _ => {}
    }
}

/// Ends the program, or asks first while something runs.
pub fn quit_or_ask<R: Runtime>(app: &AppHandle<R>) {
    tauri::async_runtime::spawn(end_or_ask(app.clone()));
}

/// Ends the program when nobody can be asked: what runs on this machine is stopped or left running as
/// the person prefers. Where they want to be asked, the next start tells what it finds.
pub async fn end_unasked<R: Runtime>(app: AppHandle<R>) {
    if let Some(engine) = busy(&app)
        && let Some(keep) = kept_at_quit(preferred(&engine).await)
        && let Err(error) = engine.leave_runs(keep).await
    {
        tracing::warn!("what runs here could not be ended: {error}");
    }
    ending::end(&app).await;
}

/// The engine, where this process may be in the middle of something.
fn busy<R: Runtime>(app: &AppHandle<R>) -> Option<Engine> {
    let engine = app.state::<Desk>().engine_now()?;
    let works = !app.state::<Activity>().running_in(&engine).is_empty();
    (works || engine.has_started_runs()).then_some(engine)
}

/// Asks what shall become of the jobs that this process runs and of the services that it has started
/// on this machine; those of others, such as a command in a terminal, do not end with it. Without
/// any, and where the person has said once and for all what they want, it ends the program.
async fn end_or_ask<R: Runtime>(app: AppHandle<R>) {
    let Some(engine) = busy(&app) else {
        return ending::end(&app).await;
    };
    let jobs = app.state::<Activity>().running_in(&engine);
    // Without an answer there is nothing that could be stopped.
    let runs = timeout(LONGEST_LOOK, engine.runs_of_this_process()).await;
    let runs = runs.ok().and_then(Result::ok).unwrap_or_default();
    let at_quit = preferred(&engine).await;
    let mut failure = None;
    if jobs.is_empty() {
        if runs.is_empty() {
            return ending::end(&app).await;
        }
        if let Some(keep) = kept_at_quit(at_quit) {
            if let Err(error) = hide(&app) {
                tracing::warn!("the window could not be hidden: {error}");
            }
            match engine.leave_runs(keep).await {
                Ok(()) => return ending::end(&app).await,
                Err(error) => failure = Some(error.into()),
            }
        }
    }
    let asked = CloseAsked {
        jobs,
        runs: runs.into_values().map(|name| name.to_string()).collect(),
        at_quit: at_quit.into(),
        failure,
        tray: app.state::<Tray>().is_there(),
    };
    if let Err(error) = asked.emit(&app) {
        tracing::warn!("the window could not be asked: {error}");
        return ending::end(&app).await;
    }
    show(&app);
}

/// What the person prefers; to be asked where that cannot be read.
async fn preferred(engine: &Engine) -> AtQuit {
    let preferences = engine.preferences().await;
    preferences.map_or(AtQuit::Ask, |preferences| preferences.run.at_quit)
}

/// Whether what runs here is left running; `None` where somebody has to be asked.
fn kept_at_quit(at_quit: AtQuit) -> Option<bool> {
    match at_quit {
        AtQuit::Ask => None,
        AtQuit::Stop => Some(false),
        AtQuit::Leave => Some(true),
    }
}

/// Keeps the window's size and place. Whether it was visible is not kept: who quits from the tray
/// wants to see it at the next start.
pub fn remember<R: Runtime>() -> TauriPlugin<R> {
    tauri_plugin_window_state::Builder::default()
        .with_filename(STATE_FILE)
        .with_state_flags(StateFlags::all() - StateFlags::VISIBLE - StateFlags::DECORATIONS)
        .build()
}

/// Keeps a damaged file of [`remember`] aside and says so. Registered before it.
pub fn check_memory<R: Runtime>() -> TauriPlugin<R> {
    Builder::new("window-memory")
        .setup(|app, _| {
            let file = app.path().app_config_dir()?.join(STATE_FILE);
            match keep_aside_if_damaged(&file) {
                Ok(None) => {}
                Ok(Some(kept)) => app.state::<Desk>().leave_notice(
                    "The window's settings were damaged",
                    &format!(
                        "Its size and place could not be read, so it begins with the usual ones. \
                         The damaged file is kept as {}.",
                        kept.display()
                    ),
                ),
                Err(error) => tracing::warn!("the window's settings cannot be read: {error}"),
            }
            Ok(())
        })
        .build()
}

/// Renames a file that is no JSON object; answers its new name.
fn keep_aside_if_damaged(file: &std::path::Path) -> std::io::Result<Option<std::path::PathBuf>> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let read = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes);
    if read.is_ok() {
        return Ok(None);
    }
    let made = file.metadata()?.modified()?;
    let seconds = made
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".damaged-{seconds}"));
    std::fs::rename(file, &name)?;
    Ok(Some(name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_be_shown() {
        for ours in ["tauri://localhost/", "http://tauri.localhost/index.html"] {
            assert!(is_ours(&ours.parse().unwrap()), "{ours}");
        }
        for foreign in [
            "https://example.com/",
            "tauri://evil/",
            "http://tauri.localhost.evil.test/",
            "file:///etc/passwd",
            "data:text/html,x",
            "about:blank",
            "about:srcdoc",
            "http://localhost:1421/",
        ] {
            assert!(!is_ours(&foreign.parse().unwrap()), "{foreign}");
        }
    }

    #[test]
    fn a_damaged_settings_file_is_kept_under_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(STATE_FILE);
        assert_eq!(keep_aside_if_damaged(&file).unwrap(), None);
        std::fs::write(&file, "{\"main\": {}}").unwrap();
        assert_eq!(keep_aside_if_damaged(&file).unwrap(), None);
        std::fs::write(&file, "{\"main\": {\"wid").unwrap();
        let kept = keep_aside_if_damaged(&file).unwrap().unwrap();
        assert_eq!(std::fs::read(kept).unwrap(), b"{\"main\": {\"wid");
        assert!(!file.exists());
    }
}
