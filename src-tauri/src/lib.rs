//! The window: it opens the engine, parses what the pages ask for, makes one call and answers.
//! What Plimsoll can do is in the engine.

mod changes;
mod commands;
mod desk;
mod ipc;
mod practice;
mod views;
mod window;

use desk::Desk;
use std::process::ExitCode;
use tauri::Manager;

/// Opens the window and stays until it is closed for good.
pub fn run() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("PLIMSOLL_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let ipc = ipc::builder();
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(ipc.invoke_handler())
        .setup(move |app| {
            ipc.mount_events(app);
            app.manage(Desk::default());
            app.manage(practice::Practice::default());
            window::open(app.handle())?;
            desk::open(app.handle().clone());
            Ok(())
        })
        .run(tauri::generate_context!());
    match app {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the window could not be opened: {error}");
            ExitCode::FAILURE
        }
    }
}
