//! One answer to one request for a part of a canvas, whoever carries it.

use super::{
    page::{self, Look, Walls},
    preview::{Behind, Scripts},
    range::{self, Wanted},
};
use crate::{Engine, Result};
use plimsoll_domain::canvas::{AllowedHost, CanvasPath, ColorScheme};

/// Most bytes of a file that a preview gets.
pub const LARGEST_CANVAS_FILE: u64 = 64 << 20;
/// Our part of a preview: it repaints the page and tells what goes wrong in it.
const CLIENT: &str = include_str!("client.js");
/// Where that part is, in every canvas. No file of one can have this name.
pub(super) const CLIENT_PATH: &str = ".plimsoll/client.js";

/// What a preview asks for.
#[derive(Debug, Clone, Copy)]
pub struct CanvasRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The secret of the door that it came through.
    pub secret: &'a str,
    /// The path in the canvas, percent-encoded as it came.
    pub path: &'a str,
    /// What stands in the address before that path, with a slash at its end.
    pub base: &'a str,
    /// The origins that may show a preview in a frame.
    pub framed_by: &'a str,
    /// The field `Range`.
    pub range: Option<&'a str>,
    /// The field `If-Range`.
    pub if_range: Option<&'a str>,
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

    fn new(status: u16, content_type: &str, walls: Walls, body: Vec<u8>) -> Self {
        let headers = vec![
            ("content-type", content_type.to_owned()),
            ("content-security-policy", walls.policy),
            ("x-content-type-options", "nosniff".to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("cross-origin-opener-policy", "same-origin".to_owned()),
            ("x-dns-prefetch-control", "off".to_owned()),
            ("connection-allowlist", walls.connections),
            (
                "permissions-policy",
                "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
                    .to_owned(),
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

    /// Gives only the bytes that are wanted (RFC 9110 §14). No state of a file is ever named, so a
    /// part that is wanted only of one (`If-Range`) is given whole; and only `GET` knows parts.
    fn cut(mut self, request: &CanvasRequest<'_>) -> Self {
        self.headers.push(("accept-ranges", "bytes".to_owned()));
        let length = self.body.len();
        let asked = request.range.filter(|_| request.if_range.is_none());
        let told = match range::wanted(asked.filter(|_| request.method == "GET"), length) {
            Wanted::Whole => return self,
            Wanted::Nothing => {
                self.status = 416;
                self.body.clear();
                format!("bytes */{length}")
            }
            Wanted::Part(part) => {
                self.status = 206;
                let told = format!("bytes {}-{}/{length}", part.start, part.end - 1);
                self.body.truncate(part.end);
                self.body.drain(..part.start);
                told
            }
        };
        self.headers.push(("content-range", told));
        self
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
        let Some(behind) = self.world.canvas.behind(request.secret) else {
            let why = "There is no canvas at this address.".to_owned();
            let walls = page::walls("'none'", request.framed_by, &[], Scripts::Off);
            return CanvasAnswer::new(404, PLAIN, walls, why.into_bytes());
        };
        let found = match request.method {
            "GET" | "HEAD" => self.canvas_part(&behind, request.path, request.base).await,
            _ => Err(Missing {
                status: 405,
                why: "A canvas is only read.".to_owned(),
            }),
        };
        let hosts = self.hosts_of(&behind).await.unwrap_or_default();
        let scripts = self.world.canvas.scripts(behind.project, &behind.canvas);
        let walls = page::walls(request.base, request.framed_by, &hosts, scripts);
        let mut answer = match found {
            Ok(found) => {
                let answer = CanvasAnswer::new(200, &found.content_type, walls, found.body);
                answer.cut(&request)
            }
            Err(missing) => {
                CanvasAnswer::new(missing.status, PLAIN, walls, missing.why.into_bytes())
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
        let look = Look {
            scheme: behind.scheme,
            scripts: self.world.canvas.scripts(behind.project, &behind.canvas),
        };
        Ok(shown(&path, content, base, look))
    }

    async fn canvas_content(
        &self,
        behind: &Behind,
        path: &CanvasPath,
    ) -> std::result::Result<Vec<u8>, Missing> {
        if let Some(text) = self
            .world
            .canvas
            .drafted(behind.project, &behind.canvas, path)
        {
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
fn shown(path: &CanvasPath, content: Vec<u8>, base: &str, look: Look) -> Found {
    let kind = path.content_type();
    let read_by_us = matches!(kind, "text/html" | "text/css");
    let body = match std::str::from_utf8(&content) {
        Ok(text) if read_by_us && look.scheme != ColorScheme::System => {
            page::pretending(text, look.scheme)
                .into_owned()
                .into_bytes()
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
        let body = match std::str::from_utf8(&body) {
            Ok(text) => page::telling(text).into_owned().into_bytes(),
            Err(_) => body,
        };
        page::with_client(&body, &format!("{base}{CLIENT_PATH}"), look)
    } else {
        body
    };
    Found { content_type, body }
}
