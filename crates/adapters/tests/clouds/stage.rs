//! The stage of these tests: a practice cloud in this process, a clock that does not wait, a
//! keychain in memory, and a record of everything that was said.

use crate::ground::PaperGround;
use async_trait::async_trait;
use axum::{
    body::{Body, Bytes},
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use http_body_util::BodyExt;
use plimsoll_adapters::{
    cloudflare::Cloudflare, digitalocean::DigitalOcean, http::Pool, tokens::CloudTokens,
};
use plimsoll_domain::{
    ProviderAccountId, Secret, Timestamp,
    name::Name,
    server::{Endpoint, Provider, ProviderAccount},
};
use plimsoll_engine::ports::{Clock, Keychain, PortResult, token_entry};
use plimsoll_lab::api::{ApiState, Delays, LimitSettings, Options, router, serve};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A clock whose sleeps pass in a hundredth of a second, whatever their length.
pub struct FastClock {
    now: AtomicI64,
    start: i64,
}

impl FastClock {
    pub fn new() -> Arc<Self> {
        let start = 1_795_000_000_000;
        Arc::new(Self {
            now: AtomicI64::new(start),
            start,
        })
    }
    /// Milliseconds that were slept.
    pub fn slept_ms(&self) -> i64 {
        self.now.load(Ordering::SeqCst) - self.start
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }
    fn entropy(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
    async fn sleep_ms(&self, ms: u64) {
        // Whoever sleeps at the same time wakes at the same time.
        let until = self.now.load(Ordering::SeqCst) + i64::try_from(ms).unwrap();
        // What the practice cloud does in the background needs a little real time.
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.now.fetch_max(until, Ordering::SeqCst);
    }
}

/// A keychain in memory.
#[derive(Default)]
pub struct Pocket(Mutex<HashMap<String, Secret>>);

#[async_trait]
impl Keychain for Pocket {
    async fn get(&self, entry: &str) -> PortResult<Option<Secret>> {
        Ok(self.0.lock().unwrap().get(entry).cloned())
    }
    async fn set(&self, entry: &str, value: &Secret) -> PortResult<()> {
        self.0
            .lock()
            .unwrap()
            .insert(entry.to_owned(), value.clone());
        Ok(())
    }
    async fn delete(&self, entry: &str) -> PortResult<()> {
        self.0.lock().unwrap().remove(entry);
        Ok(())
    }
}

/// A request and its answer, as they went over the wire.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub request: Option<Value>,
    pub status: u16,
    pub answer: Option<Value>,
}

/// What was said, in order.
pub type Record = Arc<Mutex<Vec<Exchange>>>;

/// Writes down what passes; an answer that is cut in the middle stays cut.
async fn note(record: Record, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let sent = body.collect().await.unwrap().to_bytes();
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let query = url::form_urlencoded::parse(query).into_owned().collect();
    let response = next
        .run(Request::from_parts(parts, Body::from(sent.clone())))
        .await;
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let whole = body.collect().await.map(|body| body.to_bytes());
    let answer = whole
        .as_ref()
        .ok()
        .and_then(|bytes| serde_json::from_slice(bytes).ok());
    let request = (!sent.is_empty()).then(|| serde_json::from_slice(&sent).unwrap());
    if !path.starts_with("/lab/") {
        let exchange = Exchange {
            method,
            path,
            query,
            request,
            status,
            answer,
        };
        record.lock().unwrap().push(exchange);
    }
    let body = match whole {
        Ok(bytes) => Body::from(bytes),
        Err(_) => {
            let broken = Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
            Body::from_stream(futures::stream::iter([
                Ok(Bytes::from_static(b"{")),
                broken,
            ]))
        }
    };
    Response::from_parts(parts, body)
}

/// A practice cloud and our adapters before it.
pub struct Stage {
    pub clock: Arc<FastClock>,
    pub ground: Arc<PaperGround>,
    pub record: Record,
    pub compute: DigitalOcean,
    pub zones: Cloudflare,
    pub tokens: CloudTokens,
    pub keychain: Arc<Pocket>,
    pub digitalocean: ProviderAccount,
    pub cloudflare: ProviderAccount,
    pub zone: String,
    url: String,
    control: String,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn account(provider: Provider, endpoint: Endpoint, n: u8) -> ProviderAccount {
    ProviderAccount {
        id: ProviderAccountId::mint(Timestamp::from_millis(1_795_000_000_000), [n; 10]),
        provider,
        name: Name::parse("practice").unwrap(),
        endpoint,
        owner: String::new(),
        created_at: Timestamp::from_millis(1_795_000_000_000),
    }
}

pub fn at(url: &str) -> Endpoint {
    Endpoint {
        url: Some(url.to_owned()),
        ..Endpoint::default()
    }
}

impl Stage {
    /// A practice cloud with generous limits.
    pub async fn open() -> Self {
        Self::with(Self::generous()).await
    }

    /// A practice cloud in which things happen at once.
    pub async fn at_once() -> Self {
        Self::with(Options {
            delays: Delays::NONE,
            ..Self::generous()
        })
        .await
    }

    fn generous() -> Options {
        let limits = LimitSettings {
            digitalocean_hour: 100_000,
            digitalocean_minute: 100_000,
            digitalocean_key_lists: 100_000,
            cloudflare_five_minutes: 100_000,
        };
        Options {
            limits,
            ..Options::default()
        }
    }

    pub async fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ground = Arc::new(PaperGround::default());
        let state = ApiState::open(folder.path(), ground.clone(), options)
            .await
            .unwrap();
        let credentials = state.credentials().clone();
        let record = Record::default();
        let noted = Arc::clone(&record);
        let router = router(state).layer(from_fn(move |request, next| {
            note(Arc::clone(&noted), request, next)
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, None, router, stop.clone()));
        let clock = FastClock::new();
        let pool = Pool::new(clock.clone());
        let keychain = Arc::new(Pocket::default());
        let digitalocean = account(Provider::Digitalocean, at(&url), 1);
        let cloudflare = account(Provider::Cloudflare, at(&url), 2);
        for (account, token) in [
            (&digitalocean, &credentials.digitalocean_token),
            (&cloudflare, &credentials.cloudflare_token),
        ] {
            let token = Secret::new(token.as_str());
            keychain
                .set(&token_entry(account.id), &token)
                .await
                .unwrap();
        }
        Self {
            compute: DigitalOcean::new(pool.clone(), keychain.clone()),
            zones: Cloudflare::new(pool.clone(), keychain.clone()),
            tokens: CloudTokens::new(pool),
            clock,
            ground,
            record,
            keychain,
            digitalocean,
            cloudflare,
            zone: credentials.zone,
            url,
            control: credentials.control_token,
            stop,
            _folder: folder,
        }
    }

    pub fn endpoint(&self) -> Endpoint {
        at(&self.url)
    }

    /// Asks the lab's control interface.
    pub async fn control(&self, path: &str, body: Value) -> Value {
        let client = plimsoll_adapters::http::client(&self.endpoint()).unwrap();
        let answer = client
            .post(format!("{}/lab/v1/{path}", self.url))
            .bearer_auth(&self.control)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap_or(Value::Null)
    }

    /// Arms a fault for so many requests.
    pub async fn fault(&self, method: &str, path: &str, times: u32, fault: Value) {
        let rule = json!({"method": method, "path": path, "times": times, "fault": fault});
        self.control("faults", rule).await;
    }

    /// Gives an account's token these scopes only.
    pub async fn token(&self, draft: Value) -> Secret {
        let made = self.control("tokens", draft).await;
        Secret::new(made["token"].as_str().unwrap())
    }

    /// How often this was asked since the beginning.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let record = self.record.lock().unwrap();
        record
            .iter()
            .filter(|said| said.method == method && said.path == path)
            .count()
    }
}
