//! The icon that stays when the window is closed: how much runs, back to the window, quit.

use crate::{activity::Activity, window};
use std::sync::{Mutex, PoisonError};
use tauri::{
    AppHandle, Manager, Wry,
    menu::{Menu, MenuItem, PredefinedMenuItem},
    tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent},
};

const OPEN: &str = "open";
const QUIT: &str = "quit";

/// The line of the tray's menu that tells how much runs, where there is a tray. Managed by Tauri.
#[derive(Default)]
pub struct Tray(Mutex<Option<MenuItem<Wry>>>);

impl Tray {
    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.line().is_some()
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Option<MenuItem<Wry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the icon where the desktop has a place for it. Without one everything else works.
pub fn show(app: &AppHandle) {
    if !library::is_there() {
        tracing::info!("this desktop has no library for tray icons");
        return;
    }
    match build(app) {
        Ok(line) => *app.state::<Tray>().line() = Some(line),
        Err(error) => tracing::warn!("the tray icon could not be shown: {error}"),
    }
}

/// Tells how many jobs run.
pub fn count(app: &AppHandle, running: usize) {
    let line = app.state::<Tray>().line().clone();
    if let Some(line) = line
        && let Err(error) = line.set_text(words(running))
    {
        tracing::warn!("the tray could not be told what runs: {error}");
    }
}

fn words(running: usize) -> String {
    match running {
        0 => "No job is running".to_owned(),
        1 => "1 job is running".to_owned(),
        more => format!("{more} jobs are running"),
    }
}

fn build(app: &AppHandle) -> tauri::Result<MenuItem<Wry>> {
    let open = MenuItem::with_id(app, OPEN, "Open Plimsoll", true, None::<&str>)?;
    let running = app.state::<Activity>().running().len();
    let line = MenuItem::with_id(app, "running", words(running), false, None::<&str>)?;
    let quit = MenuItem::with_id(app, QUIT, "Quit", true, None::<&str>)?;
    let separator = PredefinedMenuItem::separator(app)?;
    let menu = Menu::with_items(app, &[&open, &line, &separator, &quit])?;
    let mut tray = TrayIconBuilder::with_id("plimsoll")
        .tooltip("Plimsoll")
        .menu(&menu)
        .show_menu_on_left_click(false)
        .on_menu_event(|app, event| match event.id().as_ref() {
            OPEN => window::show(app),
            QUIT => window::quit_or_ask(app),
            _ => {}
        })
        .on_tray_icon_event(|tray, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
            {
                window::show(tray.app_handle());
            }
        });
    if let Some(icon) = app.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.build(app)?;
    Ok(line)
}

#[cfg(target_os = "linux")]
mod library {
    /// Linux desktops show tray icons through a library that need not be installed, and what loads
    /// it ends the whole program when it is not.
    #[allow(unsafe_code)]
    pub fn is_there() -> bool {
        const NAMES: [&str; 4] = [
            "libayatana-appindicator3.so.1",
            "libappindicator3.so.1",
            "libayatana-appindicator3.so",
            "libappindicator3.so",
        ];
        NAMES.iter().any(|name| {
            // SAFETY: loading runs the library's initialisers. These are the libraries that are
            // loaded by these names a moment later anyway, and GTK was initialised before.
            match unsafe { libloading::Library::new(name) } {
                Ok(library) => {
                    // Its types stay registered with GLib, so it has to stay loaded.
                    std::mem::forget(library);
                    true
                }
                Err(_) => false,
            }
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod library {
    /// The system itself shows tray icons.
    pub fn is_there() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tray_counts_in_words() {
        assert_eq!(words(0), "No job is running");
        assert_eq!(words(1), "1 job is running");
        assert_eq!(words(3), "3 jobs are running");
    }
}
