//! The shapes of DigitalOcean's answers: one root key, pages, errors.

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::guard::Caller;
use crate::api::folder::FolderError;

/// Outcome of a handler.
pub(super) type Answer = Result<Response, DigitalOceanError>;

/// An error as the API tells it. The guard adds the request's identifier.
#[derive(Debug, Clone)]
pub(crate) struct DigitalOceanError {
    status: StatusCode,
    id: &'static str,
    message: String,
    /// Seconds.
    pub(super) retry_after: Option<i64>,
}

impl DigitalOceanError {
    fn new(status: StatusCode, id: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            id,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Unable to authenticate you",
        )
    }

    pub(super) fn forbidden() -> Self {
        let message = "You are not authorized to perform this operation";
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub(super) fn not_found() -> Self {
        let message = "The resource you were accessing could not be found.";
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unprocessable_entity",
            message,
        )
    }

    pub(super) fn pending_event() -> Self {
        Self::unprocessable("Droplet already has a pending event.")
    }

    pub(super) fn too_many_requests() -> Self {
        let message = "API rate limit exceeded.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
    }

    pub(super) fn server_error() -> Self {
        let message = "Unexpected server-side error";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message)
    }

    /// The error with this status, for faults.
    pub(crate) fn injected(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::unauthorized(),
            StatusCode::FORBIDDEN => Self::forbidden(),
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::TOO_MANY_REQUESTS => Self::too_many_requests(),
            StatusCode::UNPROCESSABLE_ENTITY => Self::unprocessable("The request was refused."),
            _ => Self {
                status,
                ..Self::server_error()
            },
        }
    }

    /// The answer, with the identifier of the request it answers.
    pub(crate) fn finish(&self, request_id: &str) -> Response {
        let body = json!({"id": self.id, "message": self.message, "request_id": request_id});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for DigitalOceanError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<FolderError> for DigitalOceanError {
    fn from(error: FolderError) -> Self {
        tracing::error!(%error, "the practice cloud's books could not be kept");
        Self::server_error()
    }
}

pub(super) async fn unknown_route(Extension(_): Extension<Caller>) -> DigitalOceanError {
    DigitalOceanError::not_found()
}

/// A body under one root key.
pub(super) fn one(status: StatusCode, root: &str, value: Value) -> Response {
    (status, Json(json!({ root: value }))).into_response()
}

/// Nothing, of type JSON: the specification lists the header even for a 204.
pub(super) fn no_content() -> Response {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    (StatusCode::NO_CONTENT, [(CONTENT_TYPE, json)]).into_response()
}

/// Reads a request's body.
pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, DigitalOceanError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|_| DigitalOceanError::bad_request("The request body could not be parsed."))?;
    let unprocessable = |message: String| DigitalOceanError::unprocessable(message);
    // A derived struct can also be read from a list of its fields, which no client means.
    if !value.is_object() || nests_lists(&value) {
        return Err(unprocessable(
            "The request body has the wrong structure.".to_owned(),
        ));
    }
    serde_json::from_value(value).map_err(|error| unprocessable(error.to_string()))
}

/// Whether a list holds another directly; no request of either cloud does.
pub(crate) fn nests_lists(value: &Value) -> bool {
    match value {
        Value::Array(items) => items
            .iter()
            .any(|item| item.is_array() || nests_lists(item)),
        Value::Object(fields) => fields.values().any(nests_lists),
        _ => false,
    }
}

/// An identifier in a path; what is no number cannot be found.
pub(super) fn number(text: &str) -> Result<u64, DigitalOceanError> {
    text.parse().map_err(|_| DigitalOceanError::not_found())
}

/// `page` and `per_page`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Page {
    #[serde(default, deserialize_with = "lenient")]
    page: Option<usize>,
    #[serde(default, deserialize_with = "lenient")]
    per_page: Option<usize>,
}

/// What is no number counts as absent.
fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.and_then(|text| text.parse().ok()))
}

impl Page {
    /// One page of `items` with its links. `path` is absolute; `filters` are repeated in links.
    pub(super) fn answer(
        &self,
        caller: &Caller,
        path: &str,
        filters: &[(&str, Option<&str>)],
        root: &str,
        items: Vec<Value>,
    ) -> Response {
        let per_page = self.per_page.unwrap_or(20).clamp(1, 200);
        let page = self.page.unwrap_or(1).max(1);
        let total = items.len();
        let last = total.div_ceil(per_page).max(1);
        let link = |number: usize| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in filters {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
            query.append_pair("page", &number.to_string());
            query.append_pair("per_page", &per_page.to_string());
            Value::String(format!("{}{path}?{}", caller.base, query.finish()))
        };
        let mut pages = Map::new();
        if page > 1 {
            pages.insert("first".to_owned(), link(1));
            pages.insert("prev".to_owned(), link((page - 1).min(last)));
        }
        if page < last {
            pages.insert("next".to_owned(), link(page + 1));
            pages.insert("last".to_owned(), link(last));
        }
        let links = if pages.is_empty() {
            json!({})
        } else {
            json!({ "pages": pages })
        };
        let shown: Vec<Value> = items
            .into_iter()
            .skip((page - 1).saturating_mul(per_page))
            .take(per_page)
            .collect();
        let body = json!({ root: shown, "links": links, "meta": { "total": total } });
        Json(body).into_response()
    }
}
