//! The interface by which a lab's own process is asked whether it lives, and to end.

use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::error::LabError;

/// For one call to a process of this machine, which may be a busy one.
const CALL: Duration = Duration::from_secs(20);

/// How the lab shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct End {
    /// Whether containers, volumes and an own engine are removed.
    pub(super) wipe: bool,
}

#[derive(Clone)]
struct Controlled {
    token: String,
    ends: mpsc::Sender<End>,
}

/// Serves the interface; what it is asked comes out of `ends`.
pub(super) async fn serve(listener: TcpListener, token: String, ends: mpsc::Sender<End>) {
    let router = Router::new()
        .route(
            "/alive",
            get(|State(lab), headers| async move { shows(&lab, &headers) }),
        )
        .route("/end", post(end))
        .with_state(Controlled { token, ends });
    let _ = axum::serve(listener, router).await;
}

fn shows(lab: &Controlled, headers: &HeaderMap) -> StatusCode {
    let shown = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.as_bytes());
    if shown == Some(format!("Bearer {}", lab.token).as_bytes()) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::UNAUTHORIZED
    }
}

async fn end(
    State(lab): State<Controlled>,
    Query(end): Query<End>,
    headers: HeaderMap,
) -> StatusCode {
    let status = shows(&lab, &headers);
    if status.is_success() && lab.ends.send(end).await.is_err() {
        return StatusCode::CONFLICT;
    }
    status
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().timeout(CALL).no_proxy().build()
}

/// What opens the interface of a running lab. It has a file of its own, readable by its owner, and
/// is never shown with the lab's other facts.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Handle {
    url: String,
    token: String,
}

impl Handle {
    pub(super) fn new(port: u16, token: String) -> Self {
        Self {
            url: format!("http://127.0.0.1:{port}"),
            token,
        }
    }

    /// Whether the lab lives.
    pub(super) async fn answers(&self) -> bool {
        let Ok(client) = client() else { return false };
        let url = format!("{}/alive", self.url);
        let answer = client.get(url).bearer_auth(&self.token).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Asks the lab to end.
    pub(super) async fn ask_to_end(&self, wipe: bool) -> Result<(), LabError> {
        let failed = |cause: String| LabError::Network {
            doing: "stop the practice cloud".into(),
            cause,
        };
        let url = format!("{}/end?wipe={wipe}", self.url);
        let answer = client()
            .map_err(|error| failed(error.to_string()))?
            .post(url)
            .bearer_auth(&self.token)
            .send()
            .await
            .map_err(|error| failed(error.to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(failed(format!("it answered {status}"))),
        }
    }
}
