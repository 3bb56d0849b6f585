//! Serves the router, with TLS where a certificate is given.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::faults::Refused;

/// How long a client may take to agree on TLS.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long requests under way may take to finish after a stop.
const FAREWELL_LIMIT: Duration = Duration::from_secs(5);

/// Why a connection ends without an answer: a fault says so.
#[derive(Debug, thiserror::Error)]
#[error("the practice cloud was told to refuse this request")]
struct Refusal;

/// Serves `router` on `listener` until `stop` is cancelled, then gives requests under way 5 s.
/// With `tls` every connection is TLS (HTTP/1.1 and HTTP/2 by ALPN), without it plain.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    stop: CancellationToken,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let connections = TaskTracker::new();
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    // Out of file handles, mostly; the next accept succeeds when some are closed.
                    tracing::warn!(%error, "the practice cloud could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let (acceptor, router, stop) = (acceptor.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            // Nagle's algorithm would add 40 ms to answers written in two pieces.
            let _ = socket.set_nodelay(true);
            let Some(acceptor) = acceptor else {
                return converse(socket, router, stop).await;
            };
            let shaken = tokio::select! {
                shaken = timeout(HANDSHAKE_LIMIT, acceptor.accept(socket)) => shaken,
                () = stop.cancelled() => return,
            };
            match shaken {
                Ok(Ok(socket)) => converse(socket, router, stop).await,
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
        });
    }
    connections.close();
    if timeout(FAREWELL_LIMIT, connections.wait()).await.is_err() {
        tracing::warn!("some requests to the practice cloud were still under way when it stopped");
    }
}

async fn converse<S>(socket: S, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let answer: Result<Response<Body>, Infallible> =
                hyper::service::Service::call(&router, request).await;
            let Ok(answer) = answer;
            if answer.extensions().get::<Refused>().is_some() {
                Err(Refusal)
            } else {
                Ok(answer)
            }
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => report(ended),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            report(connection.await);
        }
    }
}

fn report(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the practice cloud ended early");
    }
}
