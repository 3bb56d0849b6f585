//! How a name looks to its users: resolved by a resolver that they could ask, reached at the
//! address that it answered, with certificates verified.

mod resolve;

use crate::http::{client_to, words};
use async_trait::async_trait;
use plimsoll_domain::{dns::HostName, server::Endpoint};
use plimsoll_engine::ports::{Outside, PortError, PortResult, Seen};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::time::timeout;
use url::{Host, Url};

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of a body that are kept.
const KEPT: usize = 4096;

/// The view from outside of this program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visitor;

#[async_trait]
impl Outside for Visitor {
    async fn resolve(&self, endpoint: &Endpoint, host: &HostName) -> PortResult<Vec<String>> {
        let addresses = resolve::resolve(endpoint, host.as_str()).await?;
        Ok(addresses.iter().map(IpAddr::to_string).collect())
    }

    async fn get(&self, endpoint: &Endpoint, url: &str) -> PortResult<Seen> {
        let parsed = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(parsed) = parsed else {
            return Err(PortError::new(
                "outside_url",
                format!("“{url}” is not an address of the web"),
            )
            .next_step("Write it as https://name/path."));
        };
        let addresses = match parsed.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
            Some(Host::Domain(name)) => resolve::resolve(endpoint, name).await?,
            None => Vec::new(),
        };
        if addresses.is_empty() {
            let name = parsed.host_str().unwrap_or_default();
            return Err(
                PortError::new("outside_dns", format!("{name} has no address"))
                    .next_step(
                        "A new record may take a moment to be seen; check it with your zone.",
                    )
                    .retryable(),
            );
        }
        timeout(PATIENCE, look(endpoint, &parsed, &addresses))
            .await
            .unwrap_or_else(|_| {
                Err(unreachable(
                    &parsed,
                    &format!("no answer within {} s", PATIENCE.as_secs()),
                ))
            })
    }
}

async fn look(endpoint: &Endpoint, url: &Url, addresses: &[IpAddr]) -> PortResult<Seen> {
    let mut endpoint = endpoint.clone();
    // The proxy carries the connection, but the address is the one that was resolved here.
    endpoint.proxy = endpoint
        .proxy
        .map(|proxy| proxy.replacen("socks5h://", "socks5://", 1));
    let name = url.host_str().unwrap_or_default();
    let sockets: Vec<SocketAddr> = addresses
        .iter()
        .map(|address| SocketAddr::new(*address, 0))
        .collect();
    // A client of its own: a connection kept from an earlier look would hide what has changed.
    let client = client_to(&endpoint, &[(name, sockets)]).map_err(|why| {
        PortError::new(
            "outside_endpoint",
            format!("the account's endpoint cannot be used: {why}"),
        )
        .next_step("Connect the account again.")
    })?;
    let mut response = client
        .get(url.clone())
        .send()
        .await
        .map_err(|error| failure(url, &error))?;
    let mut body = Vec::new();
    while body.len() < KEPT
        && let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| failure(url, &error))?
    {
        body.extend_from_slice(&piece[..piece.len().min(KEPT - body.len())]);
    }
    let location = response
        .headers()
        .get("location")
        .map(|value| value.as_bytes());
    Ok(Seen {
        status: response.status().as_u16(),
        version: named(response.version()),
        location: location.map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        body: String::from_utf8_lossy(&body).into_owned(),
        addresses: addresses.iter().map(IpAddr::to_string).collect(),
    })
}

/// A version of HTTP as people write it.
fn named(version: reqwest::Version) -> String {
    let text = format!("{version:?}");
    text.strip_suffix(".0")
        .filter(|text| *text != "HTTP/1")
        .unwrap_or(&text)
        .to_owned()
}

fn failure(url: &Url, error: &reqwest::Error) -> PortError {
    let cause = words(error);
    let lower = cause.to_lowercase();
    if lower.contains("certificate") || lower.contains("unknownissuer") {
        return PortError::new(
            "outside_certificate",
            format!("the certificate that {} shows is not trusted", shown(url)),
        )
        .evidence(cause)
        .next_step(
            "An Origin CA certificate is trusted by Cloudflare only: check that the record is \
             proxied.",
        );
    }
    unreachable(url, &cause)
}

fn unreachable(url: &Url, cause: &str) -> PortError {
    PortError::new(
        "outside_unreachable",
        format!("{} does not answer", shown(url)),
    )
    .evidence(cause.to_owned())
    .next_step("Check that the server runs and that its firewall lets ports 80 and 443 through.")
    .retryable()
}

/// The address without anything that may be private.
fn shown(url: &Url) -> String {
    format!(
        "{}://{}{}",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        url.path()
    )
}
