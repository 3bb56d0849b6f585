//! The window: it opens the engine, parses what the pages ask for, makes one call and answers.
//! What Plimsoll can do is in the engine.

#![allow(
    clippy::result_large_err,
    reason = "a click fails at most once, and its error goes whole to the page"
)]

mod activity;
mod canvas;
mod changes;
mod commands;
mod desk;
mod drawing;
mod drops;
mod ending;
mod gate;
mod ipc;
mod links;
mod locale;
mod log;
mod memory;
mod practice;
mod streams;
mod terminals;
mod tray;
mod updates;
mod views;
mod watch;
mod window;

use desk::Desk;
use std::process::ExitCode;
use tauri::{App, AppHandle, Manager, RunEvent, Wry, ipc::Invoke, plugin::TauriPlugin};
use tauri_specta::Builder;

/// Opens the window and stays until it is closed for good.
pub fn run() -> ExitCode {
    drawing::choose();
    memory::give_back();
    let log = log::begin();
    match app(log) {
        Ok(app) => {
            app.run(on_event);
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("the window could not be opened: {error}");
            ExitCode::FAILURE
        }
    }
}

fn app(log: log::LastLines) -> tauri::Result<App> {
    let ipc = ipc::builder();
    let mut builder = tauri::Builder::default();
    // Tests start one window after another, and each shall be its own.
    if std::env::var_os("TAURI_AUTOMATION").is_none() {
        builder = builder.plugin(only_one());
    }
    builder
        .manage(Desk::default())
        .manage(activity::Activity::default())
        .manage(drops::Drops::default())
        .manage(ending::Kept::default())
        .manage(canvas::Served::default())
        .manage(links::StartPath::default())
        .manage(practice::Practice::default())
        .manage(streams::Streams::default())
        .manage(terminals::Terminals::default())
        .manage(tray::Tray::default())
        .manage(updates::Updates::default())
        .manage(watch::Shown::default())
        .manage(log)
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(window::check_memory())
        .plugin(window::remember())
        .register_asynchronous_uri_scheme_protocol(canvas::SCHEME, canvas::answer)
        .invoke_handler(for_our_pages(ipc.invoke_handler()))
        .on_window_event(window::on_event)
        .setup(move |app| set_up(app, &ipc))
        .build(updates::configured(tauri::generate_context!()))
}

/// Commands for pages of ours only. Tauri takes every scheme that a program registers for its own,
/// so a preview that came to stand in the window's place could command it otherwise.
fn for_our_pages(
    commands: impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static,
) -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    move |invoke| {
        let url = invoke.message.webview_ref().url();
        if url.is_ok_and(|url| window::is_ours(&url)) {
            return commands(invoke);
        }
        tracing::warn!(
            "a page that is not ours asked for {}",
            invoke.message.command()
        );
        invoke
            .resolver
            .reject("Only Plimsoll's own pages are answered.");
        true
    }
}

fn set_up(app: &mut App, ipc: &Builder<Wry>) -> Result<(), Box<dyn std::error::Error>> {
    ipc.mount_events(app);
    let handle = app.handle();
    if updates::are_on(handle) {
        handle.plugin(tauri_plugin_updater::Builder::new().build())?;
    }
    links::follow(handle);
    // Beside the window, whose making takes this thread for a while.
    desk::open(handle.clone());
    window::open(handle)?;
    tray::show(handle);
    end_with_session(handle.clone());
    Ok(())
}

/// Who is asked to end, by a log-out or a shut-down, leaves its jobs in order, too.
#[cfg(unix)]
fn end_with_session(app: AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    tauri::async_runtime::spawn(async move {
        let asked = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
            signal(SignalKind::hangup()),
        );
        let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = asked else {
            tracing::warn!("a log-out will end Plimsoll at once");
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
        window::end_unasked(app).await;
    });
}

/// Windows closes the window first, which does the same.
#[cfg(not(unix))]
fn end_with_session(_: AppHandle) {}

/// A second start shows the first one's window and hands its link over. Two folders are two
/// Plimsolls.
fn only_one() -> TauriPlugin<Wry> {
    let mut builder =
        tauri_plugin_single_instance::Builder::new().callback(|app, _, _| window::show(app));
    if let Some(home) = desk::home() {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        home.hash(&mut hasher);
        builder = builder.dbus_id(format!("dev.plimsoll.desktop.at_{:x}", hasher.finish()));
    }
    builder.build()
}

fn on_event(app: &AppHandle, event: RunEvent) {
    match event {
        // Jobs that run are left in order, so that the next start finds them at once.
        RunEvent::Exit => tauri::async_runtime::block_on(app.state::<Desk>().close()),
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => window::show(app),
        _ => {}
    }
}
