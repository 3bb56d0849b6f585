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

#[cfg(test)]
mod tests {
    use super::*;

    /// A mirror with one image, `tiny:1`, and its address.
    async fn mirror() -> (tempfile::TempDir, String, String) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("opened");
        let manifest = b"{\"schemaVersion\":2}";
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(manifest)));
        let by_tag = store.manifest("tiny", "1").expect("a path");
        let by_digest = store.blob(&digest).expect("a path");
        std::fs::write(by_tag, manifest).expect("written");
        std::fs::write(by_digest, manifest).expect("written");
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port");
        let base = format!("http://{}/v2", listener.local_addr().expect("an address"));
        let router = router(folder.path());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (folder, base, digest)
    }

    #[tokio::test]
    async fn an_image_is_served_by_tag_and_by_digest() {
        let (_folder, base, digest) = mirror().await;
        for reference in ["1", digest.as_str()] {
            let url = format!("{base}/library/tiny/manifests/{reference}");
            let answer = reqwest::get(url).await.expect("an answer");
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["docker-content-digest"], digest.as_str());
            assert_eq!(answer.headers()["content-type"], MANIFEST);
        }
        let url = format!("{base}/library/tiny/blobs/{digest}");
        let head = reqwest::Client::new()
            .head(&url)
            .send()
            .await
            .expect("an answer");
        assert_eq!(head.headers()["content-length"], "19");
        let blob = reqwest::get(url)
            .await
            .expect("an answer")
            .text()
            .await
            .expect("a body");
        assert_eq!(blob, "{\"schemaVersion\":2}");
    }

    #[tokio::test]
    async fn an_image_that_nobody_builds_is_not_waited_for() {
        let (_folder, base, _) = mirror().await;
        for path in [
            "/library/tiny/manifests/2",
            "/library/other/manifests/1",
            "/else/a/b/c",
        ] {
            let asked = reqwest::get(format!("{base}{path}"));
            let answer = tokio::time::timeout(Duration::from_secs(5), asked).await;
            assert_eq!(
                answer.expect("at once").expect("an answer").status(),
                404,
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn an_image_that_is_being_built_is_waited_for() {
        let (folder, base, _) = mirror().await;
        let store = Store::open(folder.path()).expect("opened");
        store.write_catalog(&[]).expect("written");
        let asked = tokio::spawn(reqwest::get(format!(
            "{base}/library/busybox/manifests/latest"
        )));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!asked.is_finished(), "it waits");
        let path = store.manifest("busybox", "latest").expect("a path");
        std::fs::write(path, "{}").expect("written");
        let answer = asked.await.expect("asked").expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}
