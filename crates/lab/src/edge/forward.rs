//! One request, from the visitor to the origin and back.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    CONNECTION, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, SERVER, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;

use super::origin::{Order, Security, Target};
use super::page::{self, Failure};
use super::{Scheme, Shared};
use crate::ground::SslMode;

/// A body on its way, in either direction.
pub(super) type Body = BoxBody<Bytes, hyper::Error>;

const CF_CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");
const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");
const CF_VISITOR: HeaderName = HeaderName::from_static("cf-visitor");
const CF_CACHE_STATUS: HeaderName = HeaderName::from_static("cf-cache-status");
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// The data centre at the end of a Ray ID; Cloudflare writes an airport's code there.
const PLACE: &str = "LAB";

impl Shared {
    /// Answers one request of a visitor.
    pub(super) async fn forward(
        self: Arc<Self>,
        request: Request<Incoming>,
        client: SocketAddr,
        scheme: Scheme,
    ) -> Response<Body> {
        let ray = ray();
        let host = host_of(&request);
        let mut response = match self.exchange(request, &host, client, scheme, &ray).await {
            Ok(response) => response,
            Err(failure) => {
                tracing::info!(
                    host,
                    status = failure.status(),
                    ?failure,
                    ray,
                    "the edge answered"
                );
                page::error(failure, &host, &ray)
            }
        };
        let headers = response.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static("cloudflare"));
        if let Ok(ray) = HeaderValue::try_from(ray) {
            headers.insert(CF_RAY, ray);
        }
        response
    }

    async fn exchange(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        host: &str,
        client: SocketAddr,
        scheme: Scheme,
        ray: &str,
    ) -> Result<Response<Body>, Failure> {
        if host.is_empty() {
            return Err(Failure::NoHost);
        }
        let directory = self.directory.borrow().clone();
        let origin = directory.origin(host).await.ok_or(Failure::UnknownHost)?;
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        match scheme {
            Scheme::Http if origin.always_use_https => {
                return Ok(page::redirect("https", host, &path));
            }
            Scheme::Https if origin.ssl == SslMode::Off => {
                return Ok(page::redirect("http", host, &path));
            }
            Scheme::Http | Scheme::Https => {}
        }
        if origin.addresses.is_empty() {
            return Err(Failure::OriginDns);
        }
        if origin
            .addresses
            .iter()
            .any(|&address| directory.is_edge(address))
        {
            return Err(Failure::ProhibitedAddress);
        }
        // A visitor without TLS is passed on without TLS in every mode, as Cloudflare does.
        let security = match (scheme, origin.ssl) {
            (Scheme::Http, _) | (_, SslMode::Off | SslMode::Flexible) => Security::Plain,
            (Scheme::Https, SslMode::Full) => Security::Unverified,
            (Scheme::Https, SslMode::Strict) => Security::Verified,
        };
        let port = match security {
            Security::Plain => self.settings.http_port,
            Security::Unverified | Security::Verified => self.settings.https_port,
        };
        let target = Target {
            addresses: origin
                .addresses
                .iter()
                .map(|&ip| SocketAddr::new(ip, port))
                .collect(),
            host: host.to_owned(),
            security,
        };
        let upgrade = wanted_upgrade(&request);
        let visitor = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let (mut parts, body) = request.into_parts();
        parts.uri = Uri::try_from(path).map_err(|_| Failure::NoHost)?;
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        clean(&mut parts.headers, upgrade.as_ref());
        mark(&mut parts.headers, host, client, scheme, ray);
        // Only what is safe to send twice, and is still whole, may go over a connection that the
        // origin could be closing at this moment.
        let repeatable = upgrade.is_none()
            && body.is_end_stream()
            && matches!(
                parts.method,
                Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
            );
        let order = if repeatable {
            Order::Repeatable(parts)
        } else {
            Order::Once(parts, body)
        };
        let trust = self
            .trust
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut response = self
            .origins
            .send(&target, order, &trust, &self.settings)
            .await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some((visitor, upgrade)) = visitor.zip(upgrade) else {
                return Err(Failure::UnknownError);
            };
            let server = hyper::upgrade::on(&mut response);
            self.tunnels
                .spawn(tunnel(visitor, server, self.ended.clone()));
            clean(response.headers_mut(), Some(&upgrade));
            return Ok(response.map(|_| empty()));
        }
        clean(response.headers_mut(), None);
        response
            .headers_mut()
            .insert(CF_CACHE_STATUS, HeaderValue::from_static("DYNAMIC"));
        Ok(response.map(BodyExt::boxed))
    }
}

/// Carries bytes both ways until both sides, or the edge, have ended.
async fn tunnel(
    visitor: hyper::upgrade::OnUpgrade,
    server: hyper::upgrade::OnUpgrade,
    ended: tokio_util::sync::CancellationToken,
) {
    let carry = async {
        let (visitor, server) = tokio::try_join!(visitor, server)?;
        let (mut visitor, mut server) = (TokioIo::new(visitor), TokioIo::new(server));
        if let Err(error) = tokio::io::copy_bidirectional(&mut visitor, &mut server).await {
            tracing::debug!(%error, "a tunnel broke");
        }
        Ok::<_, hyper::Error>(())
    };
    tokio::select! {
        () = ended.cancelled() => {}
        carried = carry => if let Err(error) = carried {
            tracing::debug!(%error, "an upgrade was not carried out");
        },
    }
}

pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

/// The host that the visitor asked for, lower case, without port or final dot; empty when none.
fn host_of(request: &Request<Incoming>) -> String {
    let named = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| {
            request
                .headers()
                .get(HOST)
                .and_then(|value| value.to_str().ok())
        });
    let host = named.unwrap_or("");
    let host = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            name
        } else {
            host
        }
    });
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The protocol of a WebSocket handshake (or another upgrade of HTTP/1.1) that is to be passed on.
fn wanted_upgrade(request: &Request<Incoming>) -> Option<HeaderValue> {
    let asked = connection_options(request.headers()).any(|option| option == "upgrade");
    if request.version() != Version::HTTP_11 || !asked {
        return None;
    }
    let protocol = request.headers().get(UPGRADE)?;
    // A visitor may offer HTTP/2 without TLS here; Cloudflare passes on WebSockets only.
    protocol
        .as_bytes()
        .eq_ignore_ascii_case(b"websocket")
        .then(|| protocol.clone())
}

/// The names in all `Connection` headers, lower case.
fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|option| option.trim().to_ascii_lowercase())
}

/// Removes what belongs to one connection only (RFC 9110, section 7.6.1).
fn clean(headers: &mut HeaderMap, upgrade: Option<&HeaderValue>) {
    let named: Vec<String> = connection_options(headers).collect();
    for name in named {
        headers.remove(name.as_str());
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
        EXPECT,
    ] {
        headers.remove(name);
    }
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
}

/// Tells the origin who asks, and how.
fn mark(headers: &mut HeaderMap, host: &str, client: SocketAddr, scheme: Scheme, ray: &str) {
    let address = client.ip().to_canonical().to_string();
    let (proto, visitor) = match scheme {
        Scheme::Http => ("http", r#"{"scheme":"http"}"#),
        Scheme::Https => ("https", r#"{"scheme":"https"}"#),
    };
    let earlier: Vec<&str> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let chain = earlier
        .into_iter()
        .chain([address.as_str()])
        .collect::<Vec<_>>()
        .join(", ");
    // HTTP/2 may split cookies over several headers; HTTP/1.1 wants one (RFC 9113, 8.2.3).
    let cookies: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let cookies = (cookies.len() > 1).then(|| cookies.join(b"; ".as_slice()));
    if let Some(cookie) = cookies.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok()) {
        headers.insert(COOKIE, cookie);
    }
    let texts = [
        (HOST, host),
        (CF_CONNECTING_IP, address.as_str()),
        (X_FORWARDED_FOR, chain.as_str()),
        (X_FORWARDED_PROTO, proto),
        (CF_VISITOR, visitor),
        (CF_RAY, ray),
        (CDN_LOOP, "cloudflare"),
    ];
    for (name, text) in texts {
        // What a visitor claims here must never reach the origin, so it is taken out even where
        // ours could not be put in.
        headers.remove(&name);
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    }
}

fn ray() -> String {
    let mut bytes = [0; 8];
    // Without randomness a request still deserves its answer; only its number is not its own.
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::warn!(%error, "no randomness for a Ray ID");
    }
    format!("{}-{PLACE}", hex::encode(bytes))
}
