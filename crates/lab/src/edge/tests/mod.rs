//! An edge on loopback with real origins behind it and real clients before it.

mod failures;
mod modes;
mod traffic;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Edge, EdgeSettings};
use crate::dns::{Directory, Settings};
use crate::ground::{PublishedRecord, PublishedZone, SslMode};
use crate::tls::Authority;

const ORIGIN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));
const SHOP: &str = "shop.example.com";

fn proxied(name: &str, content: &str) -> PublishedRecord {
    PublishedRecord {
        name: name.to_owned(),
        kind: if content.parse::<IpAddr>().is_ok() {
            "A"
        } else {
            "CNAME"
        }
        .to_owned(),
        content: content.to_owned(),
        ttl: 300,
        proxied: true,
    }
}

fn zone(ssl: SslMode) -> PublishedZone {
    PublishedZone {
        name: "example.com".to_owned(),
        ssl,
        always_use_https: false,
        records: vec![
            proxied("example.com", "127.0.0.1"),
            proxied(SHOP, "127.0.0.1"),
            proxied("deep.shop.example.com", "127.0.0.1"),
            proxied("gone.example.com", "nowhere.example.com"),
            proxied("self.example.com", "127.0.0.9"),
            PublishedRecord {
                proxied: false,
                ..proxied("grey.example.com", "127.0.0.1")
            },
        ],
    }
}

fn directory(zone: PublishedZone) -> Arc<Directory> {
    let settings = Settings {
        edge_ipv4: Some([127, 0, 0, 9].into()),
        ..Settings::default()
    };
    Arc::new(Directory::new(settings, &[zone]))
}

/// Settings for an origin whose only open port is this one, in short times.
fn towards(port: u16) -> EdgeSettings {
    EdgeSettings {
        http_port: port,
        https_port: port,
        connect: Duration::from_secs(1),
        handshake: Duration::from_secs(2),
        answer: Duration::from_secs(2),
    }
}

/// A running edge.
struct Stage {
    public: Arc<Authority>,
    publish: watch::Sender<Arc<Directory>>,
    http: SocketAddr,
    https: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
    _end: DropGuard,
}

impl Stage {
    async fn start(zone: PublishedZone, settings: EdgeSettings, roots: &[&Authority]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let public = Authority::load_or_create(folder.path(), "Public test authority").unwrap();
        Self::with_public(Arc::new(public), zone, settings, &roots_of(roots)).await
    }

    async fn with_public(
        public: Arc<Authority>,
        zone: PublishedZone,
        settings: EdgeSettings,
        roots: &[CertificateDer<'static>],
    ) -> Self {
        let (publish, zones) = watch::channel(directory(zone));
        let edge = Edge::new(settings, public.clone(), roots, zones).unwrap();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let https = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let (http_address, https_address) =
            (http.local_addr().unwrap(), https.local_addr().unwrap());
        let stop = shutdown.clone();
        let served = tokio::spawn(async move {
            edge.serve(http, https, stop).await.unwrap();
        });
        Self {
            public,
            publish,
            http: http_address,
            https: https_address,
            _end: shutdown.clone().drop_guard(),
            shutdown,
            served,
        }
    }

    /// A browser that finds every name at the edge and trusts the public authority only.
    fn browser(&self) -> reqwest::ClientBuilder {
        let root = reqwest::Certificate::from_pem(self.public.pem().as_bytes()).unwrap();
        let mut builder = reqwest::Client::builder()
            .tls_certs_only([root])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        for name in [
            "",
            "shop.",
            "deep.shop.",
            "gone.",
            "self.",
            "grey.",
            "other.",
        ] {
            builder = builder.resolve(&format!("{name}example.com"), self.https);
        }
        builder
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.https.port())
    }

    fn plain_url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.http.port())
    }

    async fn get(&self, host: &str) -> reqwest::Result<reqwest::Response> {
        self.browser()
            .build()?
            .get(self.url(host, "/"))
            .send()
            .await
    }
}

fn roots_of(authorities: &[&Authority]) -> Vec<CertificateDer<'static>> {
    authorities
        .iter()
        .map(|authority| CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap())
        .collect()
}

fn authority(name: &str) -> Authority {
    let folder = tempfile::tempdir().unwrap();
    Authority::load_or_create(folder.path(), name).unwrap()
}

/// A web server without TLS; its port.
async fn plain_origin(router: Router) -> u16 {
    let listener = TcpListener::bind((ORIGIN, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// A web server with TLS; its port.
async fn tls_origin(config: rustls::ServerConfig, router: Router) -> u16 {
    let listener = TcpListener::bind((ORIGIN, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = TowerToHyperService::new(router);
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let served = server.serve_connection(TokioIo::new(stream), service).await;
                drop(served);
            });
        }
    });
    port
}

/// Answers every request with what it saw of it.
fn mirror() -> Router {
    Router::new().fallback(async |request: axum::extract::Request| {
        let mut seen = format!(
            "{} {} {:?}\n",
            request.method(),
            request.uri(),
            request.version()
        );
        for (name, value) in request.headers() {
            seen.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
        }
        seen
    })
}
