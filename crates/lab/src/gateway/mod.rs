//! The gateway: everything that stands around the droplets, in one container on their network.
//!
//! | Service | Address |
//! |---|---|
//! | metadata | `169.254.169.254:80` |
//! | resolver | gateway, port 53 |
//! | edge of proxied names | gateway, ports 80 and 443 |
//! | registry mirror | gateway, port 5000 |
//! | ACME authority (Pebble) | gateway, port 14000 |
//! | SOCKS proxy into the lab's networks | gateway, port 1080 |
//! | control, for the lab only | gateway, port 8900 |
//!
//! It is the lab's own program in a container ([`container`]), so the host needs no privileges and
//! gets no listener. On Linux the host reaches the gateway's address directly.
//!
//! Docker Desktop on macOS and Windows does not route addresses of containers. There the gateway's
//! control interface and proxy are published on loopback ports, and the lab's facts name the proxy,
//! through which our SSH and HTTP adapters reach droplets ([`Reach`](crate::settings::Reach)). What
//! such a host needs beyond this is a Linux build of the program, which
//! [`Itself::gateway_program`](crate::settings::Itself::gateway_program) names. None of it was ever
//! run on macOS or Windows.

mod container;
mod link;
mod metadata;
mod mirror;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) use container::{Parts, name, remove, start, token};
pub(crate) use link::Link;

use crate::acme::{AcmeAuthority, AcmeSettings};
use crate::dns::{self, Directory};
use crate::droplets::Pages;
use crate::edge::{Edge, EdgeSettings};
use crate::error::LabError;
use crate::folder;
use crate::network::Block;
use crate::proxy;
use crate::tls::Authority;

/// The address of the metadata service on every cloud (RFC 3927 range).
pub(crate) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// Port of the control interface.
pub(crate) const CONTROL_PORT: u16 = 8900;
/// Port of the registry mirror.
pub(crate) const MIRROR_PORT: u16 = 5000;
/// Where the container holds what the lab handed to it.
pub(crate) const HOME: &str = "/opt/plimsoll";
/// Port of the proxy into the lab's networks.
const PROXY_PORT: u16 = 1080;
/// Port of the ACME authority's directory.
pub(crate) const ACME_PORT: u16 = 14000;
/// Port on which the ACME authority tells its root.
const ACME_ROOT_PORT: u16 = 15000;
const CONFIG_FILE: &str = "gateway.json";
/// The lab's public authority, inside [`HOME`]: the edge issues certificates as they are asked for.
const AUTHORITY_FOLDER: &str = "ca";
/// The registry mirror's folder, inside [`HOME`].
const REGISTRY_FOLDER: &str = "registry";

/// What the lab last said about droplets and zones.
type Published = Arc<Pages>;

/// What the gateway is told at every change, whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Droplets, addresses and zones.
    pages: Pages,
    /// Certificates, PEM, that origins may carry beside those of the lab's public authority.
    origin_roots: Vec<String>,
}

/// What the gateway is told when it is made.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Config {
    /// The lab's addresses.
    block: Block,
    /// Whoever controls the gateway shows this.
    token: String,
    /// Resolvers for names outside the lab's zones.
    upstreams: Vec<SocketAddr>,
}

/// Runs the gateway inside its container until the process is asked to end.
///
/// # Errors
/// When a service cannot listen, or the folder lacks what the lab should have put there.
pub async fn run() -> Result<(), LabError> {
    let home = Path::new(HOME);
    let path = home.join(CONFIG_FILE);
    let config: Config = folder::read_json(&path)?.ok_or_else(|| LabError::State {
        path,
        cause: "it is missing; the gateway runs only in the container that the lab makes".into(),
    })?;
    let gateway = config.block.gateway();
    let (publish, published) = watch::channel(Published::default());
    let (point, directory) = watch::channel(Arc::new(directory(&config, &Pages::default())));
    let stop = CancellationToken::new();
    let mut services = tokio::task::JoinSet::new();

    let metadata = metadata::router(config.block, published)
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = listen(METADATA, 80).await?;
    services.spawn(async move {
        let _ = axum::serve(listener, metadata).await;
    });

    let mirror = mirror::router(&home.join(REGISTRY_FOLDER));
    let listener = listen(gateway, MIRROR_PORT).await?;
    services.spawn(async move {
        let _ = axum::serve(listener, mirror).await;
    });

    let listeners = dns::Listeners::bind(SocketAddr::from((gateway, 53))).await?;
    services.spawn(dns::serve(listeners, directory.clone(), stop.clone()));

    let authority = Arc::new(Authority::load(&home.join(AUTHORITY_FOLDER))?);
    let edge = Edge::new(
        EdgeSettings::default(),
        authority.clone(),
        &[],
        directory.clone(),
    )?;
    let (http, https) = (listen(gateway, 80).await?, listen(gateway, 443).await?);
    let (visited, ending) = (edge.clone(), stop.clone());
    services.spawn(async move {
        if let Err(error) = visited.serve(http, https, ending).await {
            tracing::error!(%error, "the edge ended");
        }
    });

    let networks = config.block.cidr().parse().into_iter().collect();
    let listener = listen(gateway, PROXY_PORT).await?;
    services.spawn(proxy::serve(listener, networks, directory, stop.clone()));

    let acme = acme(gateway, &authority).await;
    let acme_root = acme.as_ref().map(|acme| acme.root_pem().to_owned());

    let shown = acme_root.clone().unwrap_or_default();
    let control = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/acme-root", get(move || async { shown }))
        .route("/published", post(receive))
        .with_state(Controlled {
            config: Arc::new(config),
            publish,
            point,
            edge,
            acme_root,
        });
    let listener = listen(gateway, CONTROL_PORT).await?;
    services.spawn(async move {
        let _ = axum::serve(listener, control).await;
    });

    ended().await;
    drop(acme);
    stop.cancel();
    services.shutdown().await;
    Ok(())
}

/// The ACME authority. Without it the lab lacks one way to a certificate and works otherwise.
async fn acme(gateway: Ipv4Addr, authority: &Authority) -> Option<AcmeAuthority> {
    let settings = AcmeSettings {
        folder: Path::new("/run/practice-acme").to_owned(),
        listen: SocketAddr::from((gateway, ACME_PORT)),
        management: SocketAddr::from((gateway, ACME_ROOT_PORT)),
        resolver: SocketAddr::from((gateway, 53)),
        http_port: 80,
        tls_port: 443,
        nonce_reject_percent: 5,
        names: Vec::new(),
    };
    match AcmeAuthority::start(&settings, authority).await {
        Ok(authority) => Some(authority),
        Err(error) => {
            tracing::error!(%error, "the ACME authority does not run");
            None
        }
    }
}

async fn listen(address: Ipv4Addr, port: u16) -> Result<TcpListener, LabError> {
    TcpListener::bind((address, port))
        .await
        .map_err(|error| LabError::Network {
            doing: format!("listen on {address}:{port}"),
            cause: error.to_string(),
        })
}

fn directory(config: &Config, pages: &Pages) -> Directory {
    let settings = dns::Settings {
        edge_ipv4: Some(config.block.gateway()),
        upstreams: config.upstreams.clone(),
        ..dns::Settings::default()
    };
    Directory::new(settings, &pages.zones)
}

#[derive(Clone)]
struct Controlled {
    config: Arc<Config>,
    publish: watch::Sender<Published>,
    point: watch::Sender<Arc<Directory>>,
    edge: Edge,
    acme_root: Option<String>,
}

async fn receive(
    State(controlled): State<Controlled>,
    headers: HeaderMap,
    Json(told): Json<Told>,
) -> StatusCode {
    let shown = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.as_bytes());
    if shown != Some(format!("Bearer {}", controlled.config.token).as_bytes()) {
        return StatusCode::UNAUTHORIZED;
    }
    let mut roots = Vec::new();
    for pem in told.origin_roots.iter().chain(&controlled.acme_root) {
        match CertificateDer::from_pem_slice(pem.as_bytes()) {
            Ok(root) => roots.push(root),
            Err(_) => return StatusCode::BAD_REQUEST,
        }
    }
    if controlled.edge.trust_origins(&roots).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    controlled
        .point
        .send_replace(Arc::new(directory(&controlled.config, &told.pages)));
    controlled.publish.send_replace(Arc::new(told.pages));
    StatusCode::NO_CONTENT
}

/// Waits for the engine's wish to stop the container.
async fn ended() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut asked) = signal(SignalKind::terminate()) {
            asked.recv().await;
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
