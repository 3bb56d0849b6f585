//! A git host: smart HTTP over `git http-backend`, with tokens as GitHub takes them, so that
//! private repositories can be deployed from on the practice cloud.

mod backend;
mod repository;
#[cfg(test)]
mod tests;

pub use repository::{GitHost, InvalidRepositoryName, RepositoryName};

use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How long running clones and pushes may take to end when the host stops.
const DRAIN: Duration = Duration::from_secs(10);

/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves the repositories until `shutdown`: over TLS where settings are given, plainly where not.
pub async fn serve(
    host: GitHost,
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    shutdown: CancellationToken,
) {
    let host = Arc::new(host);
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the git host could not accept a connection; going on");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let (host, acceptor, watcher) = (host.clone(), acceptor.clone(), graceful.watcher());
        tokio::spawn(async move {
            let served = match acceptor {
                None => watcher.watch(connection(host, stream)).await,
                Some(acceptor) => match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => watcher.watch(connection(host, stream)).await,
                    Ok(Err(error)) => Err(error.into()),
                    Err(late) => Err(late.into()),
                },
            };
            if let Err(error) = served {
                tracing::debug!(error, "a git client's connection broke");
            }
        });
    }
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::info!("git clients were still connected at the end and were cut");
    }
}

fn connection<S>(
    host: Arc<GitHost>,
    stream: S,
) -> impl hyper_util::server::graceful::GracefulConnection<
    Error = Box<dyn std::error::Error + Send + Sync>,
>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    let service = service_fn(move |request| {
        let host = host.clone();
        async move { Ok::<_, std::convert::Infallible>(backend::answer(&host, request).await) }
    });
    builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned()
}
