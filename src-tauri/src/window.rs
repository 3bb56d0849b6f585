//! The one window, and where it may go: nowhere.

use tauri::{AppHandle, Runtime, Url, WebviewUrl, WebviewWindowBuilder};

/// The window's label, which its capability names.
pub const MAIN: &str = "main";

/// Opens the main window.
pub fn open<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Plimsoll")
        .inner_size(1280.0, 800.0)
        .min_inner_size(1024.0, 700.0)
        .on_navigation(is_ours)
        .build()?;
    Ok(())
}

/// Whether an address is one of our own pages. On Windows and Android Tauri serves them over http
/// from the host `tauri.localhost`.
fn is_ours(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => {
            url.host_str() == Some("tauri.localhost")
                || (cfg!(debug_assertions)
                    && url.host_str() == Some("localhost")
                    && url.port() == Some(1420))
        }
        _ => false,
    }
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
            "http://localhost:1421/",
        ] {
            assert!(!is_ours(&foreign.parse().unwrap()), "{foreign}");
        }
    }
}
