//! What only WebKitGTK needs. It runs the window's pages in a process beside ours, which is ended when
//! a preview stops it, and comes back when it was lost.

use super::MAIN;
use crate::watch;
use libloading::os::unix::Library;
use std::{
    cell::RefCell,
    ffi::{CStr, c_char, c_int},
    time::{Duration, Instant},
};
use tauri::{AppHandle, Manager, Runtime, WebviewWindow};
use webkit2gtk::{Settings, SettingsExt, WebViewExt, glib::translate::ToGlibPtr};

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
        let Some(settings) = view.inner().settings() else {
            return;
        };
        // Does nothing since the feature below has its place.
        settings.set_enable_dns_prefetching(false);
        if switch_off(&settings, c"LinkDNSPrefetch").is_none() {
            tracing::debug!("this web view has no switch for names that are looked up ahead");
        }
    })
}

/// What a list of features is, and one of them: WebKitGTK's own affair.
enum Opaque {}

/// Switches a feature of the web view off; `None` when it has none of this name. The bindings do
/// not have these functions, and WebKitGTK has them since 2.42
/// (<https://webkitgtk.org/reference/webkit2gtk/stable/method.Settings.set_feature_enabled.html>),
/// so they are looked for in what is loaded.
#[allow(unsafe_code)]
fn switch_off(settings: &Settings, feature: &CStr) -> Option<()> {
    type All = unsafe extern "C" fn() -> *mut Opaque;
    type Length = unsafe extern "C" fn(*mut Opaque) -> usize;
    type Get = unsafe extern "C" fn(*mut Opaque, usize) -> *mut Opaque;
    type Name = unsafe extern "C" fn(*mut Opaque) -> *const c_char;
    type Set = unsafe extern "C" fn(*mut webkit2gtk::ffi::WebKitSettings, *mut Opaque, c_int);
    type Unref = unsafe extern "C" fn(*mut Opaque);
    let loaded = Library::this();
    // SAFETY: the types are those of WebKitGTK's header, the settings live as long as the borrow,
    // and nothing of the list is used after it is given back. This is the main thread, as
    // `with_webview` runs there.
    unsafe {
        let all = loaded
            .get::<All>(b"webkit_settings_get_all_features\0")
            .ok()?;
        let length = loaded
            .get::<Length>(b"webkit_feature_list_get_length\0")
            .ok()?;
        let get = loaded.get::<Get>(b"webkit_feature_list_get\0").ok()?;
        let name = loaded
            .get::<Name>(b"webkit_feature_get_identifier\0")
            .ok()?;
        let set = loaded
            .get::<Set>(b"webkit_settings_set_feature_enabled\0")
            .ok()?;
        let unref = loaded.get::<Unref>(b"webkit_feature_list_unref\0").ok()?;
        let list = all();
        let found = (0..length(list))
            .map(|index| get(list, index))
            .find(|one| CStr::from_ptr(name(*one)) == feature);
        if let Some(one) = found {
            set(settings.to_glib_none().0, one, 0);
        }
        unref(list);
        found.map(drop)
    }
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
