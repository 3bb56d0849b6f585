//! One answer to one request for a part of a canvas, whoever carries it.

use super::{page, preview::Behind};
use crate::{Engine, Result};
use plimsoll_domain::canvas::{AllowedHost, CanvasPath, ColorScheme};

/// Most bytes of a file that a preview gets.
pub const LARGEST_CANVAS_FILE: u64 = 64 << 20;
/// Our part of a preview: it repaints the page and tells what goes wrong in it.
const CLIENT: &str = include_str!("client.js");
/// Where that part is, in every canvas. No file of one can have this name.
const CLIENT_PATH: &str = ".plimsoll/client.js";

/// What a preview asks for.
#[derive(Debug, Clone, Copy)]
pub struct CanvasRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// What stands behind the entrance: the door's secret, a slash and the path in the canvas,
    /// percent-encoded as it came.
    pub path: &'a str,
    /// What stands in the address before the secret, with a slash at its end.
    pub entrance: &'a str,
    /// The origins that may show a preview in a frame.
    pub framed_by: &'a str,
}

/// What it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanvasAnswer {
    /// HTTP status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The content; empty for `HEAD`.
    pub body: Vec<u8>,
}

impl CanvasAnswer {
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.as_str())
    }

    fn new(status: u16, content_type: &str, policy: String, body: Vec<u8>) -> Self {
        let headers = vec![
            ("content-type", content_type.to_owned()),
            ("content-security-policy", policy),
            ("x-content-type-options", "nosniff".to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("cross-origin-opener-policy", "same-origin".to_owned()),
            ("x-dns-prefetch-control", "off".to_owned()),
            (
                "permissions-policy",
                "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()".to_owned(),
            ),
            // A sandboxed page is of no origin, so it needs to be told that it may read its own
            // modules, fonts and data.
            ("access-control-allow-origin", "null".to_owned()),
        ];
        Self {
            status,
            headers,
            body,
        }
    }
}

/// A part of a canvas that is there.
struct Found {
    content_type: String,
    body: Vec<u8>,
}

/// Why there is none.
struct Missing {
    status: u16,
    why: String,
}

impl Engine {
    /// Answers a request for a part of a canvas. Every answer carries the walls of the preview, one
    /// that refuses, too.
    pub async fn canvas_answer(&self, request: CanvasRequest<'_>) -> CanvasAnswer {
        let (secret, path) = request.path.split_once('/').unwrap_or((request.path, ".."));
        let Some(behind) = self.world.canvas.behind(secret) else {
            let why = "There is no canvas at this address.".to_owned();
            let policy = page::policy("'none'", request.framed_by, &[]);
            return CanvasAnswer::new(404, PLAIN, policy, why.into_bytes());
        };
        let base = format!("{}{secret}/", request.entrance);
        let found = match request.method {
            "GET" | "HEAD" => self.canvas_part(&behind, path, &base).await,
            _ => Err(Missing {
                status: 405,
                why: "A canvas is only read.".to_owned(),
            }),
        };
        let hosts = self.hosts_of(&behind).await.unwrap_or_default();
        let policy = page::policy(&base, request.framed_by, &hosts);
        let mut answer = match found {
            Ok(found) => CanvasAnswer::new(200, &found.content_type, policy, found.body),
            Err(missing) => {
                CanvasAnswer::new(missing.status, PLAIN, policy, missing.why.into_bytes())
            }
        };
        if request.method == "HEAD" {
            answer.body.clear();
        }
        answer
    }

    async fn hosts_of(&self, behind: &Behind) -> Result<Vec<AllowedHost>> {
        let settings = self.canvas_settings(behind.project, &behind.canvas).await?;
        Ok(settings.hosts)
    }

    async fn canvas_part(
        &self,
        behind: &Behind,
        raw: &str,
        base: &str,
    ) -> std::result::Result<Found, Missing> {
        if raw.split('?').next() == Some(CLIENT_PATH) {
            return Ok(Found {
                content_type: "text/javascript; charset=utf-8".to_owned(),
                body: CLIENT.as_bytes().to_vec(),
            });
        }
        let path = CanvasPath::of_request(raw).map_err(|refused| Missing {
            status: 403,
            why: format!("This is refused: {refused}."),
        })?;
        let content = self.canvas_content(behind, &path).await?;
        Ok(shown(&path, content, base, behind.scheme))
    }

    async fn canvas_content(
        &self,
        behind: &Behind,
        path: &CanvasPath,
    ) -> std::result::Result<Vec<u8>, Missing> {
        if let Some(text) = self.world.canvas.drafted(behind, path) {
            return Ok(text.as_bytes().to_vec());
        }
        let root = self.need_folder(behind.project).await;
        let root = root.map_err(|error| Missing {
            status: 404,
            why: error.to_string(),
        })?;
        let whole = [&behind.canvas.folder(), path.parts()].concat();
        let files = &self.world.ports.canvases;
        match files.read(&root, &whole, LARGEST_CANVAS_FILE).await {
            Ok(Some(content)) => Ok(content),
            Ok(None) => Err(Missing {
                status: 404,
                why: format!("There is no {path} in this canvas."),
            }),
            Err(error) => Err(Missing {
                status: match error.code() {
                    "canvas_refused" => 403,
                    "canvas_file_large" => 413,
                    _ => 500,
                },
                why: error.to_string(),
            }),
        }
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

/// A file as the preview gets it.
fn shown(path: &CanvasPath, content: Vec<u8>, base: &str, scheme: ColorScheme) -> Found {
    let kind = path.content_type();
    let read_by_us = matches!(kind, "text/html" | "text/css");
    let body = match std::str::from_utf8(&content) {
        Ok(text) if read_by_us && scheme != ColorScheme::System => {
            page::pretending(text, scheme).into_owned().into_bytes()
        }
        _ => content,
    };
    let text = kind.starts_with("text/") || matches!(kind, "application/json" | "image/svg+xml");
    let content_type = if text && std::str::from_utf8(&body).is_ok() {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_owned()
    };
    let body = if kind == "text/html" {
        page::with_client(&body, &format!("{base}{CLIENT_PATH}"), scheme)
    } else {
        body
    };
    Found { content_type, body }
}
