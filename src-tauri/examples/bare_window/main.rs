//! A window of the same toolkit with one page and nothing behind it: what `cargo xtask bench window`
//! measures Plimsoll against. Its argument names the page: `still`, `list` or `log`.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

// It draws as Plimsoll does, so that only what Plimsoll adds is measured.
#[path = "../../src/drawing.rs"]
mod drawing;

use tauri::{
    WebviewUrl, WebviewWindowBuilder,
    http::{Response, header::CONTENT_TYPE},
};

/// The address under which the page is served.
const ADDRESS: &str = "bare://localhost/";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    drawing::choose();
    let page = match std::env::args().nth(1).as_deref() {
        Some("list") => include_str!("list.html"),
        Some("log") => include_str!("log.html"),
        _ => include_str!("still.html"),
    };
    tauri::Builder::default()
        .register_uri_scheme_protocol("bare", move |_, _| {
            let mut response = Response::new(page.as_bytes().to_vec());
            let html = tauri::http::HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, html);
            response
        })
        .setup(|app| {
            let page = WebviewUrl::CustomProtocol(ADDRESS.parse()?);
            WebviewWindowBuilder::new(app, "bare", page)
                .title("A bare window")
                .inner_size(1280.0, 800.0)
                .build()?;
            Ok(())
        })
        .run(tauri::generate_context!())?;
    Ok(())
}
