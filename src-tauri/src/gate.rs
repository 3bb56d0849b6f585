//! The window's way to the network: what a person allowed a canvas, and nothing else. Our own pages
//! come from the program and ask nobody.

use crate::desk::Desk;
use plimsoll_adapters::canvas::CanvasGate;
use std::{io, net::SocketAddr};
use tauri::{AppHandle, Manager, Runtime, Url};

/// Leads nowhere: a window that has this for its proxy has no network at all.
const SHUT: &str = "socks5://127.0.0.1:0";

/// Opens the gate; answers the proxy that the web view is given. On macOS web views take one from
/// version 14 on, which is the oldest that the program runs on.
pub fn open<R: Runtime>(app: &AppHandle<R>) -> io::Result<Url> {
    let proxy = match begin(app) {
        Ok(address) => format!("socks5://{address}"),
        Err(error) => {
            tracing::warn!("canvases reach no host, as the way to them cannot be opened: {error}");
            SHUT.to_owned()
        }
    };
    proxy.parse().map_err(io::Error::other)
}

fn begin<R: Runtime>(app: &AppHandle<R>) -> io::Result<SocketAddr> {
    let gate = CanvasGate::bind()?;
    let address = gate.address()?;
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let allowed = move |host: String, port: u16| {
            let app = app.clone();
            async move { is_allowed(&app, &host, port).await }
        };
        if let Err(error) = gate.open(allowed).await {
            tracing::warn!("canvases reach no host any more: {error}");
        }
    });
    Ok(address)
}

async fn is_allowed<R: Runtime>(app: &AppHandle<R>, host: &str, port: u16) -> bool {
    if tauri::is_dev() && (host, port) == ("localhost", 1420) {
        return true;
    }
    match app.state::<Desk>().engine_now() {
        Some(engine) => engine.canvas_may_reach(host, port).await,
        None => false,
    }
}
