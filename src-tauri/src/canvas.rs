//! Previews of canvases: pages of somebody's own, on a scheme of their own, in a frame of the
//! window. They reach their own files and nothing else of ours.

use crate::{desk::Desk, views::CommandError, window};
use base64::{Engine as _, prelude::BASE64_STANDARD as STANDARD};
use plimsoll_adapters::canvas::{CanvasServer, serve_canvas};
use plimsoll_domain::{ProjectId, canvas::CanvasName};
use plimsoll_engine::{CanvasAnswer, CanvasDoor, CanvasRequest, Engine};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tauri::{
    AppHandle, Manager, Runtime, UriSchemeContext, UriSchemeResponder, Url,
    http::{Request, Response, StatusCode},
};

/// The scheme of previews. What is on it may be shown in a frame of the window, never as the window.
pub const SCHEME: &str = "plimsoll-canvas";
/// Digits of a door's secret.
const SECRET: usize = 32;
/// Runs before anything of a page that fills the window, and in no frame: a preview that came there,
/// as by a link that somebody dropped, is stopped, and our own page comes back.
pub const GUARD: &str = r#"
if (location.protocol === "plimsoll-canvas:" || location.host.startsWith("plimsoll-canvas.")) {
  window.stop();
  delete window.__TAURI_INTERNALS__;
  location.replace(location.protocol === "http:" ? "http://tauri.localhost/" : "tauri://localhost/");
}
"#;
/// The pages that may show a preview: ours, and in development those of the development server.
const FRAMED_BY: &str = if cfg!(feature = "custom-protocol") {
    "tauri://localhost http://tauri.localhost"
} else {
    "tauri://localhost http://tauri.localhost http://localhost:1420"
};

/// The address of a preview behind a door. Its secret is the host, so that an address that begins
/// with a slash means there what it means on the published site.
pub fn address(door: &CanvasDoor) -> String {
    base(door.secret())
}

/// Windows serves schemes of programs over http.
fn base(secret: &str) -> String {
    if cfg!(windows) {
        format!("http://{SCHEME}.{secret}.localhost/")
    } else {
        format!("{SCHEME}://{secret}/")
    }
}

/// Whether an address is one of a preview.
pub fn is_preview(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let secret = if cfg!(windows) {
        let named = host
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.strip_prefix('.'));
        named
            .and_then(|rest| rest.strip_suffix(".localhost"))
            .unwrap_or_default()
    } else {
        host
    };
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    secret.len() == SECRET && secret.bytes().all(hex) && url.as_str().starts_with(&base(secret))
}

/// Canvases that are served to a browser, each once. Managed by Tauri.
#[derive(Default)]
pub struct Served(Mutex<HashMap<(ProjectId, CanvasName), CanvasServer>>);

impl Served {
    /// The address at which a canvas is served already.
    pub fn url(&self, project: ProjectId, canvas: &CanvasName) -> Option<String> {
        let served = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let server = served.get(&(project, canvas.clone()))?;
        Some(server.url().to_owned())
    }

    /// Keeps a server until the program ends or another takes its place.
    pub fn keep(&self, project: ProjectId, canvas: CanvasName, server: CanvasServer) {
        let mut served = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        served.insert((project, canvas), server);
    }

    /// Ends all: what they served belongs to a store that is closed.
    pub fn stop_all(&self) {
        let mut served = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        served.clear();
    }
}

/// The bytes of a file as a page sends it.
pub fn decoded(content: &str) -> Result<Vec<u8>, CommandError> {
    STANDARD.decode(content).map_err(|error| {
        let message = format!("The file did not arrive whole: {error}.");
        CommandError::input("invalid_content", message, "Drop the file again.")
    })
}

/// Shows a canvas in the person's browser; answers its address.
pub async fn browse(
    engine: &Engine,
    served: &Served,
    project: ProjectId,
    canvas: CanvasName,
) -> Result<String, CommandError> {
    let url = match served.url(project, &canvas) {
        Some(url) => url,
        None => {
            let server = serve_canvas(engine, project, &canvas, 0).await?;
            let url = server.url().to_owned();
            served.keep(project, canvas, server);
            url
        }
    };
    tauri_plugin_opener::open_url(&url, None::<&str>).map_err(|error| {
        let message = format!("The browser could not be opened: {error}.");
        CommandError::input(
            "browser_not_opened",
            message,
            &format!("Open {url} yourself."),
        )
    })?;
    Ok(url)
}

/// Answers a request of a preview.
pub fn answer<R: Runtime>(
    context: UriSchemeContext<'_, R>,
    request: Request<Vec<u8>>,
    responder: UriSchemeResponder,
) {
    let app = context.app_handle().clone();
    tauri::async_runtime::spawn(async move {
        responder.respond(answered(&app, &request).await);
    });
}

async fn answered<R: Runtime>(app: &AppHandle<R>, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    // What became the window itself gets nothing more.
    if !window::shows_our_page(app) {
        return refused(
            StatusCode::FORBIDDEN,
            "A preview is shown in its frame only.",
        );
    }
    let Ok(engine) = app.state::<Desk>().engine().await else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "Plimsoll is not open.");
    };
    let field = |name| request.headers().get(name)?.to_str().ok();
    let path = request.uri().path();
    // On Windows the scheme's name stood before the secret, and `.localhost` stands behind it.
    let host = request.uri().host().unwrap_or_default();
    let secret = host.split('.').next().unwrap_or_default();
    let asked = CanvasRequest {
        method: request.method().as_str(),
        secret,
        path: path.strip_prefix('/').unwrap_or(path),
        base: &base(secret),
        framed_by: FRAMED_BY,
        range: field("range"),
        if_range: field("if-range"),
    };
    carried(engine.canvas_answer(asked).await)
}

fn carried(answer: CanvasAnswer) -> Response<Vec<u8>> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body).unwrap_or_else(|error| {
        tracing::error!("a canvas could not be answered: {error}");
        refused(StatusCode::INTERNAL_SERVER_ERROR, "This cannot be shown.")
    })
}

fn refused(status: StatusCode, why: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(why.as_bytes().to_vec());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(name, tauri::http::HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_scheme_of_previews_is_one_of_a_preview() {
        let secret = "0123456789abcdef0123456789abcdef";
        let own = format!("{}index.html", base(secret));
        assert!(is_preview(&own.parse().unwrap()), "{own}");
        for foreign in [
            &format!("plimsoll-canvas://{secret}.evil.test/"),
            &format!("plimsoll-canvas://{secret}0/"),
            &format!("plimsoll://{secret}/"),
            &format!("http://{secret}.localhost/"),
            &format!("http://plimsoll-canvas.{secret}.evil.test/"),
            "plimsoll-canvas://localhost/abc/",
            "plimsoll://localhost/",
            "http://plimsoll-canvas.localhost.evil.test/",
            "tauri://localhost/",
        ] {
            assert!(!is_preview(&foreign.parse().unwrap()), "{foreign}");
        }
    }

    #[test]
    fn a_refusal_runs_nothing() {
        let refusal = refused(StatusCode::FORBIDDEN, "<script>");
        assert_eq!(
            refusal.headers()["content-security-policy"],
            "default-src 'none'; sandbox"
        );
        assert!(
            refusal.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/plain")
        );
    }
}
