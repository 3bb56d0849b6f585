//! Faults on answers: what a client must live with, on demand.

use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use regex::Regex;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant, sleep};

use super::cloudflare::CloudflareError;
use super::digitalocean::DigitalOceanError;
use super::journal::LoggedRequest;
use super::state::ApiState;
use super::time::later;

/// What goes wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AnswerFault {
    /// The request is handled, later.
    Delay {
        /// Milliseconds to wait before handling it.
        ms: u64,
    },
    /// The request is not handled; an error of its cloud is answered.
    Status {
        /// HTTP status, 400 to 599.
        status: u16,
    },
    /// The request is not handled; its cloud says that there were too many.
    RateLimit {
        /// Seconds told in `retry-after`; absent leaves the header out.
        retry_after: Option<u64>,
    },
    /// The request *is handled*, and the connection is cut in the middle of the answer: the
    /// client cannot know whether it happened.
    Cut,
    /// The request is handled, and what it answers is no JSON.
    WrongJson,
    /// The request is not handled; the connection is closed without an answer.
    Refuse,
}

/// Which requests a fault hits, and for how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// HTTP method; absent means every method.
    #[serde(default)]
    pub method: Option<String>,
    /// Regular expression found anywhere in the path, such as `^/v2/droplets$`.
    pub path: String,
    /// How many matching requests pass before the first is hit.
    #[serde(default)]
    pub skip: u64,
    /// How many requests are hit; absent means until cleared or timed out.
    #[serde(default)]
    pub times: Option<u64>,
    /// Milliseconds after which it ends by itself.
    #[serde(default)]
    pub for_ms: Option<u64>,
    /// What goes wrong.
    pub fault: AnswerFault,
}

struct Armed {
    id: u64,
    rule: FaultRule,
    path: Regex,
    ends_at: Option<Timestamp>,
}

#[derive(Default)]
struct Armoury {
    last_id: u64,
    armed: Vec<Armed>,
}

/// All faults in force.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Armoury>);

/// Marks an answer that the server must not send: it closes the connection instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused;

impl Faults {
    /// Arms a fault and returns its number.
    pub(crate) fn add(&self, rule: FaultRule, now: Timestamp) -> Result<u64, regex::Error> {
        let path = Regex::new(&rule.path)?;
        let ends_at = rule.for_ms.map(|ms| later(now, ms));
        let mut armoury = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        armoury.last_id += 1;
        let id = armoury.last_id;
        armoury.armed.push(Armed {
            id,
            rule,
            path,
            ends_at,
        });
        Ok(id)
    }

    /// Number and rule of every fault in force.
    pub(crate) fn list(&self, now: Timestamp) -> Vec<(u64, FaultRule)> {
        let mut armoury = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        armoury.armed.retain(|armed| armed.in_force(now));
        armoury
            .armed
            .iter()
            .map(|armed| (armed.id, armed.rule.clone()))
            .collect()
    }

    /// Ends one fault, or all; returns how many.
    pub(crate) fn clear(&self, id: Option<u64>) -> usize {
        let mut armoury = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = armoury.armed.len();
        armoury
            .armed
            .retain(|armed| id.is_some_and(|id| id != armed.id));
        before - armoury.armed.len()
    }

    /// The fault that hits this request; counts it.
    fn hit(&self, method: &str, path: &str, now: Timestamp) -> Option<AnswerFault> {
        let mut armoury = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        armoury.armed.retain(|armed| armed.in_force(now));
        for armed in &mut armoury.armed {
            let method_fits = armed
                .rule
                .method
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
            if !method_fits || !armed.path.is_match(path) {
                continue;
            }
            if armed.rule.skip > 0 {
                armed.rule.skip -= 1;
                continue;
            }
            if let Some(times) = &mut armed.rule.times {
                *times -= 1;
            }
            return Some(armed.rule.fault.clone());
        }
        None
    }
}

impl Armed {
    fn in_force(&self, now: Timestamp) -> bool {
        self.rule.times != Some(0) && self.ends_at.is_none_or(|at| now < at)
    }
}

/// Logs every request to the two clouds and injects the faults in force.
pub(crate) async fn intercept(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Response {
    let (started, at) = (Instant::now(), state.now());
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
    let fault = state.faults().hit(&method, &path, at);
    let response = match &fault {
        None => next.run(request).await,
        Some(AnswerFault::Delay { ms }) => {
            sleep(Duration::from_millis(*ms)).await;
            next.run(request).await
        }
        Some(AnswerFault::Status { status }) => broken(&path, *status),
        Some(AnswerFault::RateLimit { retry_after }) => {
            let mut response = broken(&path, 429);
            if let Some(seconds) = retry_after {
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from(*seconds));
            } else {
                response.headers_mut().remove(RETRY_AFTER);
            }
            response
        }
        Some(AnswerFault::Cut) => cut(next.run(request).await).await,
        Some(AnswerFault::WrongJson) => garble(next.run(request).await),
        Some(AnswerFault::Refuse) => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(Refused);
            response
        }
    };
    let refused = response.extensions().get::<Refused>().is_some();
    state.journal().add(LoggedRequest {
        seq: 0,
        at,
        method,
        path,
        status: if refused {
            0
        } else {
            response.status().as_u16()
        },
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        fault: fault.as_ref().map(|fault| fault.name().to_owned()),
    });
    response
}

impl AnswerFault {
    fn name(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Status { .. } => "status",
            Self::RateLimit { .. } => "rate_limit",
            Self::Cut => "cut",
            Self::WrongJson => "wrong_json",
            Self::Refuse => "refuse",
        }
    }
}

/// An error in the shape of the cloud that the path belongs to.
pub(super) fn broken(path: &str, status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if path.starts_with("/v2") {
        DigitalOceanError::injected(status).finish("00000000-0000-4000-8000-000000000000")
    } else {
        CloudflareError::injected(status).finish()
    }
}

/// Promises the whole answer, sends half of it, and fails.
async fn cut(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    // An empty answer (204) has no middle; closing instead of answering is the same to a client.
    if body.is_empty() {
        parts.extensions.insert(Refused);
        return Response::from_parts(parts, Body::empty());
    }
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    let pieces: [Result<Bytes, std::io::Error>; 2] = [
        Ok(half),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ];
    // The pause lets the first half leave before the failure drops what is still buffered.
    let stream = futures::stream::unfold(pieces.into_iter(), |mut pieces| async {
        let piece = pieces.next()?;
        if piece.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        Some((piece, pieces))
    });
    Response::from_parts(parts, Body::from_stream(stream))
}

fn garble(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if parts.status == StatusCode::NO_CONTENT {
        parts.status = StatusCode::OK;
    }
    Response::from_parts(
        parts,
        Body::from("<html><body>upstream connect error</body></html>"),
    )
}
