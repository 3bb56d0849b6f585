//! A pull-only image registry: what the engines inside droplets ask before the public one.
//!
//! A name that the lab has no stand-in for answers 404, and the engine goes on to the registry
//! itself. A name that is still being built waits, because the alternative on a machine that
//! reaches no registry is a failed build.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::images::store::{MANIFEST, Store};

/// How long a name may be waited for: the largest stand-in takes less on a slow machine.
const BUILT_WITHIN: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The registry's routes over the mirror's folder.
pub(super) fn router(folder: &Path) -> Router {
    let store = Store::read_only(folder);
    Router::new()
        .route("/v2/", get(|| async { (VERSION, "{}") }))
        .route(
            "/v2/library/{repository}/manifests/{reference}",
            get(manifest),
        )
        .route("/v2/library/{repository}/blobs/{digest}", get(blob))
        .fallback(|| async { missing("NAME_UNKNOWN", "the practice cloud has no such image") })
        .with_state(store)
}

const VERSION: [(&str, &str); 1] = [("docker-distribution-api-version", "registry/2.0")];

fn missing(code: &str, message: &str) -> Response {
    let body = json!({"errors": [{"code": code, "message": message}]}).to_string();
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::NOT_FOUND, VERSION, kind, body).into_response()
}

async fn manifest(
    State(store): State<Store>,
    method: Method,
    UrlPath((repository, reference)): UrlPath<(String, String)>,
) -> Response {
    let unknown = || missing("MANIFEST_UNKNOWN", "the practice cloud has no such image");
    let path = if reference.starts_with("sha256:") {
        store.blob(&reference)
    } else {
        wait_for(&store, &repository, &reference).await
    };
    let Some(Ok(text)) = path.map(std::fs::read) else {
        return unknown();
    };
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(&text)));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MANIFEST));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    if let Ok(digest) = HeaderValue::from_str(&digest) {
        headers.insert("docker-content-digest", digest);
    }
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        Body::from(text)
    };
    (VERSION, headers, body).into_response()
}

/// The manifest of a name, when it is there or comes in time.
async fn wait_for(store: &Store, repository: &str, tag: &str) -> Option<PathBuf> {
    let path = store.manifest(repository, tag)?;
    let name = format!("{repository}:{tag}");
    let deadline = tokio::time::Instant::now() + BUILT_WITHIN;
    while !path.exists() {
        if tokio::time::Instant::now() > deadline || !store.catalog().contains(&name) {
            return None;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Some(path)
}

async fn blob(
    State(store): State<Store>,
    method: Method,
    UrlPath((_, digest)): UrlPath<(String, String)>,
) -> Response {
    let unknown = || missing("BLOB_UNKNOWN", "the practice cloud has no such blob");
    let Some(path) = store.blob(&digest) else {
        return unknown();
    };
    let Ok(file) = tokio::fs::File::open(&path).await else {
        return unknown();
    };
    let length = match file.metadata().await {
        Ok(metadata) => metadata.len(),
        Err(_) => return unknown(),
    };
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(digest) = HeaderValue::from_str(&digest) {
        headers.insert("docker-content-digest", digest);
    }
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        Body::from_stream(tokio_util::io::ReaderStream::with_capacity(
            file.take(length),
            1 << 18,
        ))
    };
    (VERSION, headers, body).into_response()
}
