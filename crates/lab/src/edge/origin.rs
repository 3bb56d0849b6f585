//! Connections to origins.
//!
//! An origin may close an idle connection at any moment, also at the one in which a request is on
//! its way over it; whether that request was carried out, nobody can tell. So a request that is
//! safe to repeat goes over a kept connection and is repeated once, on a new one, when that breaks
//! before an answer. Every other request goes over a new connection, and is sent exactly once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::EdgeSettings;
use super::certificates::Trust;
use super::forward::{Body, empty};
use super::page::Failure;

/// A kept connection is closed after this long without a request.
pub(super) const IDLE: Duration = Duration::from_secs(50);

/// Connections kept for one origin and name.
const KEPT: usize = 64;

/// How the edge speaks to an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Security {
    Plain,
    Unverified,
    Verified,
}

/// Where a request goes.
#[derive(Debug)]
pub(super) struct Target {
    /// In the order in which they are tried.
    pub(super) addresses: Vec<SocketAddr>,
    /// Name for TLS.
    pub(super) host: String,
    pub(super) security: Security,
}

/// A request, and whether it may be sent a second time.
pub(super) enum Order {
    /// Safe to repeat, and without a body.
    Repeatable(Parts),
    /// To be sent once.
    Once(Parts, Incoming),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    address: SocketAddr,
    /// Empty without TLS, where any name may use the connection.
    host: String,
    security: Security,
}

struct Kept {
    sender: SendRequest<Body>,
    since: Instant,
}

/// All origins, with the connections kept to them.
#[derive(Clone, Default)]
pub(super) struct Origins {
    kept: Arc<Mutex<HashMap<Key, Vec<Kept>>>>,
    turn: Arc<AtomicUsize>,
}

/// What came of sending a request.
enum Sent {
    Answered(Response<Incoming>),
    /// The connection was closed before a byte of the request went out: here it is again.
    Unsent(Box<Request<Body>>),
    /// The connection broke before an answer.
    Broken,
    Failed(Failure),
}

impl Origins {
    /// Sends a request to the origin and returns the head of its answer with the body to come.
    pub(super) async fn send(
        &self,
        target: &Target,
        order: Order,
        trust: &Trust,
        settings: &EdgeSettings,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = match order {
            Order::Once(parts, body) => Request::from_parts(parts, body.boxed()),
            Order::Repeatable(parts) => {
                if let Some((key, sender)) = self.take(target) {
                    let request = Request::from_parts(parts.clone(), empty());
                    match self.send_over(key, sender, request, settings).await {
                        Sent::Answered(response) => return Ok(response),
                        Sent::Failed(failure) => return Err(failure),
                        Sent::Unsent(_) | Sent::Broken => {}
                    }
                }
                Request::from_parts(parts, empty())
            }
        };
        // A new connection that is closed before the request went out has lost nothing either.
        for _ in 0..2 {
            let (key, sender) = self.connect(target, trust, settings).await?;
            match self.send_over(key, sender, request, settings).await {
                Sent::Answered(response) => return Ok(response),
                Sent::Failed(failure) => return Err(failure),
                Sent::Broken => break,
                Sent::Unsent(again) => request = *again,
            }
        }
        Err(Failure::UnknownError)
    }

    /// Closes connections that were idle for too long or that the origin closed.
    pub(super) fn sweep(&self) {
        self.lock().retain(|_, kept| {
            kept.retain(Kept::is_usable);
            !kept.is_empty()
        });
    }

    /// Closes all kept connections.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Vec<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection to this target that was used last.
    fn take(&self, target: &Target) -> Option<(Key, SendRequest<Body>)> {
        let mut all = self.lock();
        for address in self.in_turn(target) {
            let key = target.key(address);
            while let Some(kept) = all.get_mut(&key).and_then(Vec::pop) {
                if kept.is_usable() {
                    return Some((key, kept.sender));
                }
            }
        }
        None
    }

    /// Keeps a connection as soon as the answer on it was read to its end.
    fn keep(&self, key: Key, mut sender: SendRequest<Body>) {
        let origins = self.clone();
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                let mut all = origins.lock();
                let kept = all.entry(key).or_default();
                if kept.len() < KEPT {
                    kept.push(Kept {
                        sender,
                        since: Instant::now(),
                    });
                }
            }
        });
    }

    /// The addresses, starting with the next one at each call: several records share the work.
    fn in_turn(&self, target: &Target) -> impl Iterator<Item = SocketAddr> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = target.addresses.len();
        target
            .addresses
            .iter()
            .cycle()
            .skip(turn % count.max(1))
            .take(count)
            .copied()
    }

    /// Opens a connection to the first address that takes one.
    async fn connect(
        &self,
        target: &Target,
        trust: &Trust,
        settings: &EdgeSettings,
    ) -> Result<(Key, SendRequest<Body>), Failure> {
        let mut last = Failure::OriginDns;
        for address in self.in_turn(target) {
            let key = target.key(address);
            match timeout(settings.connect, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let sender = target.converse(stream, trust, settings).await?;
                    return Ok((key, sender));
                }
                Ok(Err(error)) => last = unconnected(&error),
                Err(_) => last = Failure::ConnectionTimedOut,
            }
        }
        Err(last)
    }

    async fn send_over(
        &self,
        key: Key,
        mut sender: SendRequest<Body>,
        request: Request<Body>,
        settings: &EdgeSettings,
    ) -> Sent {
        let progress = Progress::default();
        let watched = progress.clone();
        let request = request.map(|body| {
            Watched {
                body,
                progress: watched,
            }
            .boxed()
        });
        let mut answer = pin!(sender.try_send_request(request));
        let answered = loop {
            let patience = progress.last() + settings.answer;
            tokio::select! {
                answered = &mut answer => break answered,
                () = tokio::time::sleep_until(patience) => {
                    if progress.last() + settings.answer <= Instant::now() {
                        return Sent::Failed(Failure::AnswerTimedOut);
                    }
                }
            }
        };
        match answered {
            Ok(response) => {
                self.keep(key, sender);
                Sent::Answered(response)
            }
            Err(mut failed) => {
                if let Some(request) = failed.take_message() {
                    return Sent::Unsent(Box::new(request));
                }
                let error = failed.into_error();
                tracing::debug!(origin = %key.address, ?error, "no answer from an origin");
                if error.is_parse() {
                    Sent::Failed(Failure::UnknownError)
                } else {
                    Sent::Broken
                }
            }
        }
    }
}

impl Kept {
    fn is_usable(&self) -> bool {
        self.since.elapsed() < IDLE && self.sender.is_ready()
    }
}

impl Target {
    fn key(&self, address: SocketAddr) -> Key {
        let host = match self.security {
            Security::Plain => String::new(),
            Security::Unverified | Security::Verified => self.host.clone(),
        };
        Key {
            address,
            host,
            security: self.security,
        }
    }

    /// Speaks TLS, where the zone's mode says so, and HTTP over a new connection.
    async fn converse(
        &self,
        stream: TcpStream,
        trust: &Trust,
        settings: &EdgeSettings,
    ) -> Result<SendRequest<Body>, Failure> {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "an origin closed at once");
        }
        let config = match self.security {
            Security::Plain => return speak(stream).await,
            Security::Unverified => trust.unverified.clone(),
            Security::Verified => trust.verified.clone(),
        };
        let name = ServerName::try_from(self.host.clone()).map_err(|_| Failure::HandshakeFailed)?;
        let shaken = TlsConnector::from(config).connect(name, stream);
        match timeout(settings.handshake, shaken).await {
            Ok(Ok(stream)) => speak(stream).await,
            Ok(Err(error)) => {
                tracing::info!(host = self.host, %error, "no TLS with an origin");
                Err(unshaken(&error))
            }
            Err(_) => Err(Failure::HandshakeFailed),
        }
    }
}

async fn speak<S>(stream: S) -> Result<SendRequest<Body>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Failure::UnknownError)?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(?error, "an origin's connection broke");
        }
    });
    Ok(sender)
}

fn unconnected(error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Failure::ServerDown,
        ErrorKind::TimedOut => Failure::ConnectionTimedOut,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable => Failure::OriginUnreachable,
        _ => Failure::ServerDown,
    }
}

fn unshaken(error: &std::io::Error) -> Failure {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => Failure::InvalidCertificate,
        _ => Failure::HandshakeFailed,
    }
}

/// When the visitor's body last moved: a long upload is not an origin that does not answer.
#[derive(Clone)]
struct Progress(Arc<Mutex<Instant>>);

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Progress {
    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A body that notes when it moves.
struct Watched {
    body: Body,
    progress: Progress,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = std::pin::Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.progress.note();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
