//! Builds clients: trust, proxy, time limits, and the address of a service.

use super::answer::Trouble;
use plimsoll_domain::{Secret, server::Endpoint};
use std::{net::SocketAddr, sync::Once, time::Duration};
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Both of rustls' cryptography providers are linked in, so one has to be named; a program that
/// named one before us keeps it.
fn name_cryptography() {
    static NAMED: Once = Once::new();
    NAMED.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A client for an endpoint: its certificate authorities besides the system's, its proxy, no
/// redirects, limits on time. The error says what is wrong with the endpoint.
pub fn client(endpoint: &Endpoint) -> Result<reqwest::Client, String> {
    client_to(endpoint, &[])
}

/// Like [`client`], but each of these names stands for these addresses, whatever the system's
/// resolver says.
pub(crate) fn client_to(
    endpoint: &Endpoint,
    names: &[(&str, Vec<SocketAddr>)],
) -> Result<reqwest::Client, String> {
    name_cryptography();
    let mut authorities = Vec::new();
    if let Some(pem) = &endpoint.ca_pem {
        authorities = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
            .map_err(|_| "its certificate authorities are not PEM".to_owned())?;
        if authorities.is_empty() {
            return Err("its certificate authorities hold no certificate".to_owned());
        }
    }
    let proxy =
        match &endpoint.proxy {
            Some(proxy) => Some(reqwest::Proxy::all(proxy).map_err(|_| {
                "its proxy is not an address such as socks5h://host:port".to_owned()
            })?),
            None => None,
        };
    let build = |only: bool| {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            // A redirect could carry the token to another host.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT);
        builder = match &proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder.no_proxy(),
        };
        for (name, addresses) in names {
            builder = builder.resolve_to_addrs(name, addresses);
        }
        builder = if only {
            builder.tls_certs_only(authorities.clone())
        } else {
            builder.tls_certs_merge(authorities.clone())
        };
        builder.build()
    };
    match build(false) {
        Ok(client) => Ok(client),
        // A machine without any certificate authorities of its own can still use the endpoint's.
        Err(_) if !authorities.is_empty() => build(true).map_err(|e| words(&e)),
        Err(error) => Err(words(&error)),
    }
}

/// An error with its causes, without the address (which may name a proxy's password).
pub(crate) fn words(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(cause) = next {
        let said = cause.to_string();
        if !parts.iter().any(|part| part.contains(&said)) {
            parts.push(said);
        }
        next = cause.source();
    }
    if parts.is_empty() {
        let kind = if error.is_timeout() {
            "it took too long"
        } else {
            "the request failed"
        };
        parts.push(kind.to_owned());
    }
    parts.join(": ")
}

/// Sorts a failed exchange by whether the request can have arrived.
pub(super) fn trouble(error: &reqwest::Error, scrub: impl Fn(&str) -> String) -> Trouble {
    let words = scrub(&words(error));
    if !error.is_connect() {
        return Trouble::Lost { words };
    }
    if words.contains("certificate") || words.contains("UnknownIssuer") {
        return Trouble::Untrusted { words };
    }
    let stage = if words.contains("dns error") || words.contains("lookup address") {
        "find the address of"
    } else if words.to_ascii_lowercase().contains("socks") || words.contains("proxy") {
        "pass the proxy to"
    } else {
        "connect to"
    };
    Trouble::Unreachable { stage, words }
}

/// The base address of a service: the endpoint's, or the public one. An endpoint's address may
/// come with or without the service's own path (`/v2`, `/client/v4`).
pub(super) fn base(endpoint: &Endpoint, public: &str, path: &str) -> Result<Url, String> {
    let text = endpoint.url.as_deref().unwrap_or(public);
    let mut url: Url = text
        .trim()
        .parse()
        .map_err(|e| format!("its address is no URL: {e}"))?;
    if !matches!(url.scheme(), "https" | "http") || url.cannot_be_a_base() {
        return Err("its address must begin with https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("its address must not hold a user name or a password".to_owned());
    }
    // Plain HTTP would show the token to everybody on the way.
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("plain http:// is accepted for this machine only; use https://".to_owned());
    }
    url.set_query(None);
    url.set_fragment(None);
    let trimmed = url.path().trim_end_matches('/').to_owned();
    let whole = if trimmed.ends_with(path) {
        trimmed
    } else {
        format!("{trimmed}{path}")
    };
    url.set_path(&whole);
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Passwords that the endpoint itself holds.
pub(super) fn endpoint_secrets(endpoint: &Endpoint) -> Vec<Secret> {
    let proxy = endpoint
        .proxy
        .as_deref()
        .and_then(|proxy| Url::parse(proxy).ok());
    let password = proxy
        .as_ref()
        .and_then(|url| url.password().map(str::to_owned));
    password.into_iter().map(Secret::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Endpoint {
        Endpoint {
            url: Some(url.to_owned()),
            ..Endpoint::default()
        }
    }

    #[test]
    fn an_address_works_with_and_without_the_services_path() {
        for given in [
            "https://127.0.0.1:7443",
            "https://127.0.0.1:7443/",
            "https://127.0.0.1:7443/v2/",
        ] {
            assert_eq!(
                base(&at(given), "", "/v2").unwrap().as_str(),
                "https://127.0.0.1:7443/v2"
            );
        }
        let public = base(&Endpoint::default(), "https://api.digitalocean.com", "/v2").unwrap();
        assert_eq!(public.as_str(), "https://api.digitalocean.com/v2");
    }

    #[test]
    fn an_address_that_would_leak_the_token_is_refused() {
        for bad in [
            "http://api.example.com",
            "ftp://x",
            "https://me:pw@x",
            "not an address",
            "data:x",
        ] {
            assert!(base(&at(bad), "", "/v2").is_err(), "{bad} passed");
        }
        assert!(base(&at("http://127.0.0.1:1"), "", "/v2").is_ok());
    }

    #[test]
    fn a_bad_proxy_or_authority_is_told() {
        let endpoint = Endpoint {
            ca_pem: Some("no pem".to_owned()),
            ..Endpoint::default()
        };
        assert!(client(&endpoint).unwrap_err().contains("certificate"));
        let endpoint = Endpoint {
            proxy: Some("::".to_owned()),
            ..Endpoint::default()
        };
        assert!(client(&endpoint).unwrap_err().contains("proxy"));
    }
}
