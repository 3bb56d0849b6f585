//! A canvas for a real browser: on this machine's loopback only, at an address that nobody can
//! guess, and to nobody who asks for another host.
//!
//! The page itself has a host of its own, `SECRET.localhost` (RFC 6761 §6.3), so that an address
//! that begins with a slash means there what it means on the published site. For browsers that do
//! not know such names it is below `/page/SECRET/` as well.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts},
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{FutureExt, StreamExt};
use plimsoll_domain::{
    ProjectId,
    canvas::{CanvasName, ColorScheme},
};
use plimsoll_engine::{CanvasAnswer, CanvasDoor, CanvasRequest, Engine, Result, ports::PortError};
use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const VIEW: &str = include_str!("view.html");
const VIEW_STYLE: &str = include_str!("view.css");
const VIEW_SCRIPT: &str = include_str!("view.js");

/// A canvas that is being served, until it is dropped.
pub struct CanvasServer {
    url: String,
    stop: CancellationToken,
    engine: Engine,
    door: CanvasDoor,
}

impl CanvasServer {
    /// The address for a browser. Whoever knows it sees the canvas.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for CanvasServer {
    fn drop(&mut self) {
        self.engine.close_canvas(&self.door);
        self.stop.cancel();
    }
}

struct Room {
    engine: Engine,
    project: ProjectId,
    canvas: CanvasName,
    door: CanvasDoor,
    /// `127.0.0.1:PORT`: the view around the canvas.
    host: String,
    /// `SECRET.localhost:PORT`: the canvas itself.
    own_host: String,
    stop: CancellationToken,
}

/// Serves a canvas on 127.0.0.1, at a port that is free when it is 0.
///
/// # Errors
/// `canvas_port_taken` when the port cannot be had; as the engine's.
pub async fn serve_canvas(
    engine: &Engine,
    project: ProjectId,
    canvas: &CanvasName,
    port: u16,
) -> Result<CanvasServer> {
    let taken = |error: std::io::Error| {
        PortError::new(
            "canvas_port_taken",
            format!("The port {port} of this machine cannot be used."),
        )
        .evidence(error.to_string())
        .next_step("Name another port, or none: then one is chosen that is free.")
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let host = address.to_string();
    let door = engine
        .open_canvas(project, canvas, ColorScheme::System)
        .await?;
    let own_host = format!("{}.localhost:{}", door.secret(), address.port());
    let stop = CancellationToken::new();
    let server = CanvasServer {
        url: format!("http://{host}/view/{}/", door.secret()),
        stop: stop.clone(),
        engine: engine.clone(),
        door: door.clone(),
    };
    let room = Arc::new(Room {
        engine: engine.clone(),
        project,
        canvas: canvas.clone(),
        door,
        host,
        own_host,
        stop: stop.clone(),
    });
    let router = Router::new().fallback(answer).with_state(room);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    tokio::spawn(async move {
        if let Err(error) = served.await {
            tracing::warn!("a canvas is served no more: {error}");
        }
    });
    Ok(server)
}

async fn answer(State(room): State<Arc<Room>>, request: Request) -> Response<Body> {
    let (request, _) = request.into_parts();
    let path = request.uri.path();
    let rest = path.strip_prefix('/').unwrap_or(path);
    match room.asked_for(&request) {
        None => plain(
            StatusCode::FORBIDDEN,
            "This is not the host that was asked for.",
        ),
        Some(Host::Canvas) => {
            let base = format!("http://{}/", room.own_host);
            room.page(&request, room.door.secret(), rest, &base).await
        }
        Some(Host::View) => match rest.split_once('/') {
            Some(("page", behind)) => match behind.split_once('/') {
                Some((secret, rest)) => {
                    let base = format!("http://{}/page/{secret}/", room.host);
                    room.page(&request, secret, rest, &base).await
                }
                None => plain(StatusCode::NOT_FOUND, "There is no canvas at this address."),
            },
            Some(("view", behind)) if request.method == "GET" => room.view(behind),
            Some(("changes", secret)) if request.method == "GET" => {
                room.changes(secret, &request.headers).await
            }
            _ => plain(StatusCode::NOT_FOUND, "There is nothing at this address."),
        },
    }
}

/// Which of our two hosts is asked for.
enum Host {
    View,
    Canvas,
}

impl Room {
    /// Another host's name that leads here is somebody's attempt to have a browser read for them
    /// (DNS rebinding).
    fn asked_for(&self, request: &Parts) -> Option<Host> {
        let mut hosts = request.headers.get_all(header::HOST).iter();
        let named = hosts.next()?.to_str().ok()?;
        let authority = request.uri.authority();
        if hosts.next().is_some() || authority.is_some_and(|other| other.as_str() != named) {
            return None;
        }
        if named == self.host {
            Some(Host::View)
        } else {
            same(named, &self.own_host).then_some(Host::Canvas)
        }
    }

    /// A part of the canvas itself.
    async fn page(&self, request: &Parts, secret: &str, path: &str, base: &str) -> Response<Body> {
        // By itself it could go wherever it wants, and take along what it knows.
        if field(request, "sec-fetch-dest") == Some("document") {
            let why = "A canvas is shown within its view only.";
            return plain(StatusCode::FORBIDDEN, why);
        }
        let origin = format!("http://{}", self.host);
        let asked = CanvasRequest {
            method: request.method.as_str(),
            secret,
            path,
            base,
            framed_by: &origin,
            range: field(request, "range"),
            if_range: field(request, "if-range"),
        };
        carried(self.engine.canvas_answer(asked).await)
    }

    fn is_let_in(&self, secret: &str) -> bool {
        same(self.door.secret(), secret)
    }

    /// The page around the canvas: it holds the frame and hears what has changed, so that the canvas
    /// itself needs no connection to anywhere.
    fn view(&self, behind: &str) -> Response<Body> {
        let Some((secret, file)) = behind.split_once('/') else {
            return plain(StatusCode::NOT_FOUND, "There is no canvas at this address.");
        };
        if !self.is_let_in(secret) {
            return plain(StatusCode::NOT_FOUND, "There is no canvas at this address.");
        }
        let (kind, text) = match file {
            "" => (
                "text/html; charset=utf-8",
                VIEW.replace("{{ own }}", &format!("http://{}/", self.own_host))
                    .replace("{{ page }}", &format!("/page/{secret}/"))
                    .replace("{{ changes }}", &format!("/changes/{secret}")),
            ),
            "view.js" => ("text/javascript; charset=utf-8", VIEW_SCRIPT.to_owned()),
            "view.css" => ("text/css; charset=utf-8", VIEW_STYLE.to_owned()),
            _ => return plain(StatusCode::NOT_FOUND, "There is nothing at this address."),
        };
        let origin = format!("http://{}", self.host);
        let own = &self.own_host;
        let policy = format!(
            "default-src 'none'; script-src {origin}/view/{secret}/; style-src \
             {origin}/view/{secret}/; frame-src http://{own}/ {origin}/page/{secret}/; connect-src \
             http://{own}/ {origin}/changes/{secret}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let mut answer = text.into_response();
        let headers = answer.headers_mut();
        set(headers, header::CONTENT_TYPE, kind);
        set(headers, header::CONTENT_SECURITY_POLICY, &policy);
        set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(headers, header::CACHE_CONTROL, "no-store");
        set(headers, header::REFERRER_POLICY, "no-referrer");
        answer
    }

    async fn changes(&self, secret: &str, headers: &HeaderMap) -> Response<Body> {
        // A page elsewhere could not read the answer, but it has no business asking either.
        let site = headers.get("sec-fetch-site");
        let foreign = site.is_some_and(|site| site != "same-origin");
        if foreign || !self.is_let_in(secret) {
            return plain(StatusCode::NOT_FOUND, "There is no canvas at this address.");
        }
        let changes = match self.engine.canvas_changes(self.project, &self.canvas).await {
            Ok(changes) => changes,
            Err(error) => return plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        };
        let events = changes
            .map(|paths| {
                let text = serde_json::Value::from(paths).to_string();
                Ok::<_, Infallible>(Event::default().data(text))
            })
            .take_until(self.stop.clone().cancelled_owned().boxed());
        let mut answer = Sse::new(events)
            .keep_alive(KeepAlive::default())
            .into_response();
        set(answer.headers_mut(), header::CACHE_CONTROL, "no-store");
        answer
    }
}

/// Whether two texts are the same, in a time that depends on their lengths only.
fn same(one: &str, other: &str) -> bool {
    let differ = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |differ, (a, b)| differ | (a ^ b));
    one.len() == other.len() && differ == 0
}

fn field<'a>(request: &'a Parts, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

fn carried(answer: CanvasAnswer) -> Response<Body> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    for (name, value) in answer.headers {
        let Ok(value) = HeaderValue::from_str(&value) else {
            // Without one of its walls nothing of a canvas is given away.
            let why = "The canvas's address cannot be used.";
            return plain(StatusCode::INTERNAL_SERVER_ERROR, why);
        };
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut answer = (status, text.to_owned()).into_response();
    let headers = answer.headers_mut();
    set(
        headers,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; sandbox",
    );
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::CACHE_CONTROL, "no-store");
    answer
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // What we say ourselves is visible ASCII.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
