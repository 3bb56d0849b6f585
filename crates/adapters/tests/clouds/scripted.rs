//! A server that answers what a test tells it, whatever is asked.

use crate::stage::{FastClock, Pocket, account, at};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use plimsoll_adapters::{
    cloudflare::Cloudflare, digitalocean::DigitalOcean, http::Pool, tokens::CloudTokens,
};
use plimsoll_domain::{
    Secret,
    server::{Endpoint, Provider, ProviderAccount},
};
use plimsoll_engine::ports::{Clock, Keychain, token_entry};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::net::TcpListener;

/// What is asked: its number from 0, the moment in ms, method, path with query, headers.
pub struct Asked {
    pub number: usize,
    pub at_ms: i64,
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
}

type Script = Arc<dyn Fn(Asked) -> Response + Send + Sync>;

/// Our adapters before a scripted server.
pub struct Scripted {
    pub clock: Arc<FastClock>,
    pub compute: DigitalOcean,
    pub zones: Cloudflare,
    pub tokens: CloudTokens,
    pub endpoint: Endpoint,
    pub digitalocean: ProviderAccount,
    pub cloudflare: ProviderAccount,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Book {
    script: Script,
    clock: Arc<FastClock>,
    asked: Arc<AtomicUsize>,
}

async fn answer(State(book): State<Book>, request: Request) -> Response {
    let number = book.asked.fetch_add(1, Ordering::SeqCst);
    let asked = Asked {
        number,
        at_ms: book.clock.now().as_millis(),
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers: request.headers().clone(),
    };
    (book.script)(asked)
}

impl Scripted {
    pub async fn new(
        token: &str,
        script: impl Fn(Asked) -> Response + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let clock = FastClock::new();
        let book = Book {
            script: Arc::new(script),
            clock: clock.clone(),
            asked: asked.clone(),
        };
        let router = Router::new().fallback(answer).with_state(book);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = at(&format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self::timed(endpoint, token, asked, clock).await
    }

    /// Our adapters before any endpoint.
    pub async fn before(endpoint: Endpoint, token: &str) -> Self {
        Self::timed(endpoint, token, Arc::default(), FastClock::new()).await
    }

    async fn timed(
        endpoint: Endpoint,
        token: &str,
        asked: Arc<AtomicUsize>,
        clock: Arc<FastClock>,
    ) -> Self {
        let pool = Pool::new(clock.clone());
        let keychain = Arc::new(Pocket::default());
        let digitalocean = account(Provider::Digitalocean, endpoint.clone(), 1);
        let cloudflare = account(Provider::Cloudflare, endpoint.clone(), 2);
        for account in [&digitalocean, &cloudflare] {
            keychain
                .set(&token_entry(account.id), &Secret::new(token))
                .await
                .unwrap();
        }
        Self {
            clock,
            compute: DigitalOcean::new(pool.clone(), keychain.clone()),
            zones: Cloudflare::new(pool.clone(), keychain),
            tokens: CloudTokens::new(pool),
            endpoint,
            digitalocean,
            cloudflare,
            asked,
        }
    }

    /// How many requests came.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An answer with a body.
pub fn says(status: u16, body: impl Into<String>) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("x-request-id", "req-7")
        .body(Body::from(body.into()))
        .unwrap()
}
