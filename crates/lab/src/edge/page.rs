//! The edge's own answers: Cloudflare's status codes, in words that say what to look at.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};

use super::forward::Body;

/// Why the edge answers in the origin's place. The names are Cloudflare's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The request names no host.
    NoHost,
    /// No proxied record for that host (1001).
    UnknownHost,
    /// The record leads to the edge itself (1000).
    ProhibitedAddress,
    /// The record's target has no address (1016).
    OriginDns,
    /// The origin answered nothing, or no HTTP.
    UnknownError,
    /// The origin refused the connection.
    ServerDown,
    /// The origin did not accept a connection in time.
    ConnectionTimedOut,
    /// There is no way to the origin.
    OriginUnreachable,
    /// The origin took the request and did not answer in time.
    AnswerTimedOut,
    /// The origin spoke no TLS that the edge understands.
    HandshakeFailed,
    /// Mode *strict*, and the origin's certificate is not valid for the name.
    InvalidCertificate,
}

impl Failure {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::NoHost => 400,
            Self::UnknownHost => 409,
            Self::ProhibitedAddress => 403,
            Self::OriginDns => 530,
            Self::UnknownError => 520,
            Self::ServerDown => 521,
            Self::ConnectionTimedOut => 522,
            Self::OriginUnreachable => 523,
            Self::AnswerTimedOut => 524,
            Self::HandshakeFailed => 525,
            Self::InvalidCertificate => 526,
        }
    }

    /// Cloudflare's error number: the status, or a number below 1100 of its own.
    fn number(self) -> u16 {
        match self {
            Self::UnknownHost => 1001,
            Self::ProhibitedAddress => 1000,
            Self::OriginDns => 1016,
            other => other.status(),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::NoHost => "Bad request",
            Self::UnknownHost => "DNS resolution error",
            Self::ProhibitedAddress => "DNS points to prohibited IP",
            Self::OriginDns => "Origin DNS error",
            Self::UnknownError => "Web server is returning an unknown error",
            Self::ServerDown => "Web server is down",
            Self::ConnectionTimedOut => "Connection timed out",
            Self::OriginUnreachable => "Origin is unreachable",
            Self::AnswerTimedOut => "A timeout occurred",
            Self::HandshakeFailed => "SSL handshake failed",
            Self::InvalidCertificate => "Invalid SSL certificate",
        }
    }

    fn next_step(self) -> &'static str {
        match self {
            Self::NoHost => "Send a Host header.",
            Self::UnknownHost => "No zone has a proxied record for this name. Add one.",
            Self::ProhibitedAddress => {
                "The record's content is the edge's own address. Point it at the server."
            }
            Self::OriginDns => "The record's target has no address. Correct the target.",
            Self::UnknownError => {
                "The server closed the connection or answered something that is not HTTP. See its \
                 logs."
            }
            Self::ServerDown => {
                "The server refused the connection. See that its web server runs and listens on \
                 the port, and that a firewall lets the edge in."
            }
            Self::ConnectionTimedOut => {
                "The server did not accept the connection in time. See that it runs, and that a \
                 firewall lets the edge in."
            }
            Self::OriginUnreachable => "There is no route to the server. See the record's address.",
            Self::AnswerTimedOut => "The server accepted the request and did not answer in time.",
            Self::HandshakeFailed => {
                "The server speaks no TLS on that port, or none that fits. See its TLS settings."
            }
            Self::InvalidCertificate => {
                "The zone's SSL mode is strict, and the server's certificate is expired, for \
                 another name or of an unknown authority. Install an Origin CA certificate."
            }
        }
    }
}

/// The page that a visitor sees in place of the site.
pub(super) fn error(failure: Failure, host: &str, ray: &str) -> Response<Body> {
    let (number, title, step) = (failure.number(), failure.title(), failure.next_step());
    let host = escape(host);
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<title>{host} | {number}: {title}</title>\n\
         <h1>Error {number}</h1>\n<h2>{title}</h2>\n<p>{host}: {step}</p>\n\
         <p>Ray ID: {ray}</p>\n</html>\n"
    );
    let mut response = Response::new(Full::from(text).map_err(|never| match never {}).boxed());
    // Every number above lies within what a status may be.
    *response.status_mut() =
        StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=UTF-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

/// Sends the visitor to the same page under the other scheme, keeping method and body out of it as
/// Cloudflare does (301).
pub(super) fn redirect(scheme: &str, host: &str, path: &str) -> Response<Body> {
    let mut response = Response::new(
        Full::from(Bytes::new())
            .map_err(|never| match never {})
            .boxed(),
    );
    match HeaderValue::try_from(format!("{scheme}://{host}{path}")) {
        Ok(location) => {
            *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
            response.headers_mut().insert(LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
