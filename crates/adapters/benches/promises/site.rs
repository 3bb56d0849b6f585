//! A site and a strict client for it: one connection, kept, and no request is ever sent twice.

use crate::Done;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header::{CONNECTION, HOST},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// How long a connection or an answer may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a site answers, and under which name.
#[derive(Clone)]
pub struct Site {
    address: SocketAddr,
    host: String,
    tls: Option<TlsConnector>,
}

impl Site {
    /// A site on plain HTTP.
    pub fn plain(address: SocketAddr, host: &str) -> Self {
        Self {
            address,
            host: host.to_owned(),
            tls: None,
        }
    }

    /// A site on TLS whose certificate this authority (PEM) has signed.
    pub fn over_tls(address: SocketAddr, host: &str, authority_pem: &str) -> Done<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            address,
            host: host.to_owned(),
            tls: Some(TlsConnector::from(Arc::new(config))),
        })
    }

    /// The same site at another address, such as the near end of a slow line.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens a connection.
    pub async fn connect(&self) -> Done<Connection> {
        timeout(PATIENCE, async {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let sender = match &self.tls {
                None => shake(stream).await?,
                Some(tls) => {
                    let name = ServerName::try_from(self.host.clone())?;
                    shake(tls.connect(name, stream).await?).await?
                }
            };
            Ok(Connection {
                sender,
                host: self.host.clone(),
            })
        })
        .await?
    }
}

async fn shake<S>(stream: S) -> Done<SendRequest<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end shows as a failed request, or as a connection that is not usable any more.
    tokio::spawn(connection);
    Ok(sender)
}

/// A connection that is kept.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

/// An answer.
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Whether the server announced that it closes the connection.
    pub closes: bool,
    /// The body, as text.
    pub body: String,
}

impl Connection {
    /// Whether the server has not closed it, as far as is known here.
    pub fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Asks for a page.
    pub async fn get(&mut self, path: &str) -> Done<Answered> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// Posts a text.
    pub async fn post(&mut self, path: &str, body: Bytes) -> Done<Answered> {
        self.send(Method::POST, path, body).await
    }

    async fn send(&mut self, method: Method, path: &str, body: Bytes) -> Done<Answered> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .body(Full::new(body))?;
        timeout(PATIENCE, async {
            let answer = self.sender.send_request(request).await?;
            let status = answer.status().as_u16();
            let closes = answer
                .headers()
                .get(CONNECTION)
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
            let body = answer.into_body().collect().await?.to_bytes();
            Ok(Answered {
                status,
                closes,
                body: String::from_utf8_lossy(&body).into_owned(),
            })
        })
        .await?
    }
}
