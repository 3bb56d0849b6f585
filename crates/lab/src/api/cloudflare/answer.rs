//! The shapes of Cloudflare's answers: one envelope, pages, errors with their chain.

use axum::Json;
use axum::extract::OriginalUri;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::digitalocean::nests_lists;
use crate::api::folder::FolderError;

/// Outcome of a handler.
pub(super) type Answer = Result<Response, CloudflareError>;

/// An error as the API tells it.
#[derive(Debug, Clone)]
pub(crate) struct CloudflareError {
    status: StatusCode,
    code: u32,
    message: String,
    chain: Vec<(u32, String)>,
    /// Seconds.
    pub(super) retry_after: Option<i64>,
}

impl CloudflareError {
    pub(super) fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            chain: Vec::new(),
            retry_after: None,
        }
    }

    /// A 400 with this code.
    pub(super) fn bad(code: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn caused_by(mut self, code: u32, message: impl Into<String>) -> Self {
        self.chain.push((code, message.into()));
        self
    }

    /// The token is unknown, expired, or not permitted to do this.
    pub(super) fn authentication(status: StatusCode) -> Self {
        Self::new(status, 10_000, "Authentication error")
    }

    /// The token does not reach this account or zone.
    pub(super) fn no_access() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            9_109,
            "Unauthorized to access requested resource",
        )
    }

    pub(super) fn bad_identifier(path: &str) -> Self {
        let message =
            format!("Could not route to {path}, perhaps your object identifier is invalid?");
        Self::bad(7_003, message)
    }

    pub(super) fn too_many_requests() -> Self {
        let message = "Please wait and consider throttling your request speed";
        Self::new(StatusCode::TOO_MANY_REQUESTS, 971, message)
    }

    fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            1_000,
            "An unexpected error has occurred",
        )
    }

    /// The error with this status, for faults.
    pub(crate) fn injected(status: StatusCode) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::too_many_requests(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::authentication(status),
            _ => Self {
                status,
                ..Self::internal()
            },
        }
    }

    /// The answer.
    pub(crate) fn finish(&self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if !self.chain.is_empty() {
            let link = |(code, message): &(u32, String)| json!({"code": code, "message": message});
            error["error_chain"] = self.chain.iter().map(link).collect();
        }
        let body = json!({"success": false, "errors": [error], "messages": [], "result": null});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for CloudflareError {
    fn into_response(self) -> Response {
        self.finish()
    }
}

impl From<FolderError> for CloudflareError {
    fn from(error: FolderError) -> Self {
        tracing::error!(%error, "the practice cloud's books could not be kept");
        Self::internal()
    }
}

pub(super) async fn unknown_route(OriginalUri(uri): OriginalUri) -> CloudflareError {
    let path = uri.path();
    CloudflareError::new(StatusCode::NOT_FOUND, 7_000, "No route for that URI")
        .caused_by(7_003, format!("Could not route to {path}"))
}

/// A successful answer.
pub(super) fn ok(result: Value) -> Response {
    ok_saying(result, &json!([]))
}

/// A successful answer with messages.
pub(super) fn ok_saying(result: Value, messages: &Value) -> Response {
    Json(json!({"result": result, "success": true, "errors": [], "messages": messages}))
        .into_response()
}

/// One page of `items`.
pub(super) fn page(items: Vec<Value>, page: usize, per_page: usize) -> Response {
    let total = items.len();
    let shown: Vec<Value> = items
        .into_iter()
        .skip((page - 1).saturating_mul(per_page))
        .take(per_page)
        .collect();
    Json(json!({
        "result": shown,
        "success": true,
        "errors": [],
        "messages": [],
        "result_info": {
            "page": page,
            "per_page": per_page,
            "count": shown.len(),
            "total_count": total,
            "total_pages": total.div_ceil(per_page),
        },
    }))
    .into_response()
}

/// Query parameters in the order they came. Cloudflare's have dots in their names.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(query: Option<String>) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `page` and `per_page`, brought into their bounds.
    pub(super) fn paging(&self, usual: usize, least: usize, most: usize) -> (usize, usize) {
        let number = |name: &str| self.get(name).and_then(|text| text.parse::<f64>().ok());
        // The official SDK sends page numbers as floats; the cast saturates.
        let number = |name: &str| number(name).map(|number| number as usize);
        let page = number("page").unwrap_or(1).max(1);
        (page, number("per_page").unwrap_or(usual).clamp(least, most))
    }
}

/// Reads a request's body.
pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, CloudflareError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|_| CloudflareError::bad(6_007, "Malformed JSON in request body"))?;
    let invalid = |why: &str| CloudflareError::bad(6_008, format!("Invalid request body: {why}"));
    if nests_lists(&value) {
        return Err(invalid("a list in a list"));
    }
    serde_json::from_value(value).map_err(|error| invalid(&error.to_string()))
}
