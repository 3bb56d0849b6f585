//! The edge: what Cloudflare's proxy does for a proxied name.
//!
//! It terminates TLS with certificates that the lab's public authority issues as they are asked
//! for, connects to the origin as the zone's SSL mode says, and answers Cloudflare's status codes
//! where the origin does not. It stands in front of releases that are switched under load, so it
//! must not lose a request of its own; the module `origin` says which requests may be sent twice.

mod certificates;
mod forward;
mod origin;
mod page;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dns::Directory;
use crate::error::LabError;
use crate::tls::Authority;
use certificates::Trust;
use origin::Origins;

/// How long an idle client connection is kept, as Cloudflare keeps it.
const CLIENT_IDLE: Duration = Duration::from_secs(400);

/// How long a visitor may take for the TLS handshake.
const CLIENT_HANDSHAKE: Duration = Duration::from_secs(10);

/// How long running requests may take to end when the edge stops.
const DRAIN: Duration = Duration::from_secs(10);

/// What one HTTP/2 stream may have under way, bytes: uploads of release archives should not wait
/// for a window update every 64 KiB.
const STREAM_WINDOW: u32 = 1 << 20;

/// How the edge reaches origins, and how patient it is. The defaults are Cloudflare's.
#[derive(Debug, Clone)]
pub struct EdgeSettings {
    /// Port of origins without TLS.
    pub http_port: u16,
    /// Port of origins with TLS.
    pub https_port: u16,
    /// For a TCP connection; longer is status 522.
    pub connect: Duration,
    /// For the TLS handshake; longer is status 525.
    pub handshake: Duration,
    /// From the last byte of a request that was sent to the head of its response; longer is
    /// status 524.
    pub answer: Duration,
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            http_port: 80,
            https_port: 443,
            connect: Duration::from_secs(19),
            handshake: Duration::from_secs(15),
            answer: Duration::from_secs(120),
        }
    }
}

/// The proxy in front of the zones' proxied names. Cloning shares it.
#[derive(Clone)]
pub struct Edge {
    shared: Arc<Shared>,
}

struct Shared {
    directory: watch::Receiver<Arc<Directory>>,
    authority: Arc<Authority>,
    origins: Origins,
    trust: RwLock<Arc<Trust>>,
    settings: EdgeSettings,
    tunnels: TaskTracker,
    ended: CancellationToken,
}

/// How the visitor came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Edge")
            .field("settings", &self.shared.settings)
            .finish()
    }
}

impl Edge {
    /// Makes an edge that issues its certificates from `authority`, the lab's public one.
    ///
    /// In strict mode it accepts origins with a certificate of that authority or of one of
    /// `origin_roots`, such as the Origin CA.
    ///
    /// # Errors
    /// [`LabError::Certificate`] when a root is not a certificate.
    pub fn new(
        settings: EdgeSettings,
        authority: Arc<Authority>,
        origin_roots: &[CertificateDer<'static>],
        directory: watch::Receiver<Arc<Directory>>,
    ) -> Result<Self, LabError> {
        let trust = Trust::new(authority.pem(), origin_roots)?;
        Ok(Self {
            shared: Arc::new(Shared {
                directory,
                authority,
                origins: Origins::default(),
                trust: RwLock::new(Arc::new(trust)),
                settings,
                tunnels: TaskTracker::new(),
                ended: CancellationToken::new(),
            }),
        })
    }

    /// Replaces the roots that strict mode accepts beside the public authority, for one that is
    /// only known later (an ACME authority makes a new root at each start).
    ///
    /// # Errors
    /// [`LabError::Certificate`] when a root is not a certificate.
    pub fn trust_origins(&self, roots: &[CertificateDer<'static>]) -> Result<(), LabError> {
        let trust = Arc::new(Trust::new(self.shared.authority.pem(), roots)?);
        *self
            .shared
            .trust
            .write()
            .unwrap_or_else(PoisonError::into_inner) = trust;
        Ok(())
    }

    /// Serves visitors on both sockets until `shutdown`, then lets running requests end. WebSockets
    /// are cut at the end of that time. An edge serves once.
    ///
    /// # Errors
    /// [`LabError::Certificate`] when the TLS library refuses the settings.
    pub async fn serve(
        &self,
        http: TcpListener,
        https: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<(), LabError> {
        let shared = &self.shared;
        let tls = certificates::server_config(&shared.authority, &shared.directory)?;
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let connections = TaskTracker::new();
        let graceful = GracefulShutdown::new();
        let mut sweep = tokio::time::interval(origin::IDLE);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = sweep.tick() => shared.origins.sweep(),
                accepted = http.accept() => {
                    let Some((stream, client)) = admit(accepted).await else { continue };
                    let (shared, watcher) = (shared.clone(), graceful.watcher());
                    connections.spawn(async move {
                        converse(shared, stream, client, Scheme::Http, watcher).await;
                    });
                }
                accepted = https.accept() => {
                    let Some((stream, client)) = admit(accepted).await else { continue };
                    let (shared, watcher) = (shared.clone(), graceful.watcher());
                    let (acceptor, shutdown) = (acceptor.clone(), shutdown.clone());
                    connections.spawn(async move {
                        let handshake = timeout(CLIENT_HANDSHAKE, acceptor.accept(stream));
                        tokio::select! {
                            () = shutdown.cancelled() => {}
                            accepted = handshake => match accepted {
                                Ok(Ok(stream)) => {
                                    converse(shared, stream, client, Scheme::Https, watcher).await;
                                }
                                Ok(Err(error)) => {
                                    tracing::debug!(%client, %error, "no TLS with a visitor");
                                }
                                Err(_) => tracing::debug!(%client, "a visitor's TLS took too long"),
                            },
                        }
                    });
                }
            }
        }
        drop((http, https));
        connections.close();
        shared.tunnels.close();
        let orderly = async {
            graceful.shutdown().await;
            connections.wait().await;
            shared.tunnels.wait().await;
        };
        if timeout(DRAIN, orderly).await.is_err() {
            tracing::info!("connections were still open at the end and were cut");
        }
        shared.ended.cancel();
        shared.origins.clear();
        Ok(())
    }
}

/// An accepted connection, ready for use; a failure to accept (no descriptors left, a visitor who
/// left at once) passes, and must not end the edge.
async fn admit(
    accepted: std::io::Result<(TcpStream, SocketAddr)>,
) -> Option<(TcpStream, SocketAddr)> {
    match accepted {
        Ok((stream, client)) => {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%client, %error, "a visitor left at once");
            }
            Some((stream, client))
        }
        Err(error) => {
            tracing::warn!(%error, "the edge could not accept a connection; going on");
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}

/// Serves one connection of a visitor to its end.
async fn converse<S>(
    shared: Arc<Shared>,
    stream: S,
    client: SocketAddr,
    scheme: Scheme,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(CLIENT_IDLE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(4 * STREAM_WINDOW)
        .keep_alive_interval(Duration::from_secs(30));
    let ended = shared.ended.clone();
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, std::convert::Infallible>(shared.forward(request, client, scheme).await) }
    });
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .into_owned();
    tokio::select! {
        () = ended.cancelled() => {}
        served = watcher.watch(connection) => if let Err(error) = served {
            tracing::debug!(%client, error, "a visitor's connection broke");
        },
    }
}
