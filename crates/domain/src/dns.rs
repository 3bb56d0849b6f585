//! Names that people type: checked host names, records before and after.

use crate::{CertificateId, DomainId, EnvironmentId, ProviderAccountId, ServiceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a host name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{text}” is not a host name: {why}")]
pub struct InvalidHostName {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A fully qualified host name: lower case, at least two labels (RFC 1123 §2.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

impl HostName {
    /// Checks a text; upper case is folded, a final dot dropped.
    pub fn parse(text: &str) -> Result<Self, InvalidHostName> {
        let refuse = |why| InvalidHostName {
            text: text.chars().take(80).collect(),
            why,
        };
        let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if host.len() > 253 {
            return Err(refuse("it is longer than 253 characters"));
        }
        if !host.contains('.') {
            return Err(refuse("it needs a zone, as in app.example.com"));
        }
        for label in host.split('.') {
            if label.is_empty() {
                return Err(refuse("it has an empty label"));
            }
            if label.len() > 63 {
                return Err(refuse("a label is longer than 63 characters"));
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err(refuse("a label starts or ends with a dash"));
            }
            if !label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            {
                return Err(refuse(
                    "only letters, digits, dashes and dots; write other scripts in punycode (xn--…)",
                ));
            }
        }
        Ok(Self(host))
    }
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Whether it is the apex of `zone` or lies below it.
    pub fn is_in_zone(&self, zone: &str) -> bool {
        self.0 == zone
            || self
                .0
                .strip_suffix(zone)
                .is_some_and(|head| head.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl TryFrom<String> for HostName {
    type Error = InvalidHostName;
    fn try_from(text: String) -> Result<Self, InvalidHostName> {
        Self::parse(&text)
    }
}
impl From<HostName> for String {
    fn from(name: HostName) -> String {
        name.0
    }
}

/// A name that is routed to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Id; part of the comment that marks its records as ours.
    pub id: DomainId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The name.
    pub host: HostName,
    /// The Cloudflare account that keeps its zone.
    pub account_id: ProviderAccountId,
    /// The zone's id at Cloudflare.
    pub zone_ref: String,
    /// The certificate in use; `None` until there is one.
    pub certificate_id: Option<CertificateId>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A certificate for domains. Its private key is sealed in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Id.
    pub id: CertificateId,
    /// The account that issued it.
    pub account_id: ProviderAccountId,
    /// The provider's id of it.
    pub provider_ref: String,
    /// Names it is valid for.
    pub hosts: Vec<String>,
    /// The chain, PEM.
    pub chain_pem: String,
    /// When it stops being valid.
    pub expires_at: Timestamp,
}

/// A DNS record, reduced to what we compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// The provider's id; `None` for one that does not exist yet.
    pub provider_ref: Option<String>,
    /// `A`, `AAAA`, `CNAME`, ….
    pub kind: String,
    /// Fully qualified name.
    pub name: String,
    /// Address or target.
    pub content: String,
    /// Whether traffic passes through Cloudflare.
    pub proxied: bool,
    /// Seconds; 1 means automatic.
    pub ttl: u32,
    /// Who owns it, in our words; empty when it is not ours.
    pub comment: String,
}

/// The comment that marks a record as ours: `plimsoll:{domain id}`.
pub fn ownership_comment(domain: DomainId) -> String {
    format!("plimsoll:{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_that_nginx_could_misread_is_refused() {
        for bad in [
            "a b.example.com",
            "a;b.com",
            "$(id).com",
            "-a.com",
            "a..com",
            "localhost",
            "ü.com",
            "a.com\n",
        ] {
            assert!(HostName::parse(bad).is_err(), "{bad:?} passed");
        }
        assert_eq!(
            HostName::parse("App.Example.COM.").unwrap().as_str(),
            "app.example.com"
        );
    }

    #[test]
    fn a_name_belongs_to_its_zone_by_whole_labels() {
        let host = HostName::parse("app.example.com").unwrap();
        assert!(host.is_in_zone("example.com"));
        assert!(
            !HostName::parse("notexample.com")
                .unwrap()
                .is_in_zone("example.com")
        );
    }
}
