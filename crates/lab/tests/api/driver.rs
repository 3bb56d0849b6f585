//! A lab of its own for each test, served on a loopback port.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use plimsoll_lab::api::{ApiState, Clock, Delays, LimitSettings, Options, router, serve};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::contract::{CONTRACT, Exchange};
use crate::memory_ground::MemoryGround;

/// The machine's clock, put forward as a test wishes.
#[derive(Default)]
pub struct PushedClock(AtomicI64);

impl PushedClock {
    pub fn push(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for PushedClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null where there was no body.
    pub body: Value,
}

impl Reply {
    /// The body, after making sure of the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Code of the first Cloudflare error, after making sure of the status.
    #[track_caller]
    pub fn code(self, status: u16) -> u64 {
        let body = self.expect(status);
        assert_eq!(body["success"], false, "{body}");
        body["errors"][0]["code"].as_u64().unwrap()
    }

    /// Message of a DigitalOcean error, after making sure of the status.
    #[track_caller]
    pub fn message(self, status: u16) -> String {
        self.expect(status)["message"].as_str().unwrap().to_owned()
    }
}

pub struct Lab {
    pub state: ApiState,
    pub ground: Arc<MemoryGround>,
    pub clock: Arc<PushedClock>,
    pub base: String,
    folder: Arc<TempDir>,
    http: reqwest::Client,
    stop: CancellationToken,
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Lab {
    /// A new lab where nothing takes time.
    pub async fn new() -> Self {
        Self::with(Delays::NONE).await
    }

    pub async fn with(delays: Delays) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        Self::open(folder, Arc::default(), delays).await
    }

    /// The same lab, stopped and opened again on the same folder and ground.
    pub async fn restarted(self) -> Self {
        self.stop.cancel();
        Self::open(self.folder.clone(), self.ground.clone(), Delays::NONE).await
    }

    async fn open(folder: Arc<TempDir>, ground: Arc<MemoryGround>, delays: Delays) -> Self {
        let clock = Arc::new(PushedClock::default());
        // Waiting for an action must not use up the minute's budget; tests of limits set their own.
        let limits = LimitSettings {
            digitalocean_minute: 100_000,
            ..LimitSettings::default()
        };
        let options = Options {
            clock: clock.clone(),
            delays,
            limits,
            ..Options::default()
        };
        let state = ApiState::open(folder.path(), ground.clone(), options)
            .await
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, None, router(state.clone()), stop.clone()));
        Self {
            state,
            ground,
            clock,
            base,
            folder,
            http: reqwest::Client::new(),
            stop,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One exchange, not judged by the specification.
    pub async fn try_call(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Reply> {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| text())
        };
        Ok(Reply {
            status,
            headers,
            body,
        })
    }

    /// One exchange, judged by the specification.
    pub async fn call(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let reply = self.try_call(token, method, path, body).await.unwrap();
        if let Some(contract) = &*CONTRACT
            && !path.starts_with("/lab")
        {
            contract.judge(&Exchange {
                method,
                path,
                sent: body,
                status: reply.status,
                headers: &reply.headers,
                received: &reply.body,
            });
        }
        reply
    }

    /// DigitalOcean with the demo token. Paths are below `/v2`.
    pub async fn ocean(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let token = &self.state.credentials().digitalocean_token;
        self.call(token, method, &format!("/v2{path}"), body.as_ref())
            .await
    }

    /// Cloudflare with the demo token. Paths are below `/client/v4`.
    pub async fn flare(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let token = &self.state.credentials().cloudflare_token;
        self.call(token, method, &format!("/client/v4{path}"), body.as_ref())
            .await
    }

    /// The control interface. Paths are below `/lab/v1`.
    pub async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let token = &self.state.credentials().control_token;
        self.call(token, method, &format!("/lab/v1{path}"), body.as_ref())
            .await
    }

    /// A token with what the control interface takes in `POST /tokens`.
    pub async fn token(&self, wish: Value) -> String {
        let made = self
            .control("POST", "/tokens", Some(wish))
            .await
            .expect(201);
        made["token"].as_str().unwrap().to_owned()
    }

    /// Waits until an action is over; its final status.
    pub async fn finished(&self, action: &Value) -> String {
        let path = format!("/actions/{}", action.as_u64().unwrap());
        for _ in 0..2_000 {
            let view = self.ocean("GET", &path, None).await.expect(200);
            let status = view["action"]["status"].as_str().unwrap().to_owned();
            if status != "in-progress" {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("action {action} never ended");
    }

    /// An active droplet with this name and these tags; its identifier.
    pub async fn droplet(&self, name: &str, tags: &[&str]) -> u64 {
        let body = json!({
            "name": name, "region": "fra1", "size": "s-1vcpu-1gb", "image": "debian-12-x64",
            "tags": tags,
        });
        let made = self
            .ocean("POST", "/droplets", Some(body))
            .await
            .expect(202);
        assert_eq!(
            self.finished(&made["links"]["actions"][0]["id"]).await,
            "completed"
        );
        made["droplet"]["id"].as_u64().unwrap()
    }

    /// Identifier of the demo zone.
    pub async fn zone(&self) -> String {
        let zones = self
            .flare("GET", "/zones?name=plimsoll.test", None)
            .await
            .expect(200);
        zones["result"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Waits until the ground looks as it should.
    pub async fn until(&self, what: &str, seen: impl Fn(&mut crate::memory_ground::Land) -> bool) {
        for _ in 0..2_000 {
            if self.ground.land(&seen) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the ground never showed {what}");
    }
}
