//! Serves the router, with TLS where a certificate is given.

use std::convert::Infallible;
use std::sync::Arc;

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
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::faults::Refused;

/// Why a connection ends without an answer: a fault says so.
#[derive(Debug, thiserror::Error)]
#[error("the practice cloud was told to refuse this request")]
struct Refusal;

/// Serves `router` on `listener` until `stop` is cancelled, then finishes the requests under way.
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
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let (acceptor, router, stop) = (acceptor.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            // Nagle's algorithm would add 40 ms to answers written in two pieces.
            let _ = socket.set_nodelay(true);
            match acceptor {
                None => converse(socket, router, stop).await,
                Some(acceptor) => match acceptor.accept(socket).await {
                    Ok(socket) => converse(socket, router, stop).await,
                    Err(error) => tracing::debug!(%error, "TLS handshake failed"),
                },
            }
        });
    }
    connections.close();
    connections.wait().await;
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
