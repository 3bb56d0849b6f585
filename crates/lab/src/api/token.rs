//! API tokens of both clouds and what they may do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Which cloud a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cloud {
    DigitalOcean,
    Cloudflare,
}

/// Whom a token belongs to. Only Cloudflare tells the two apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Owner {
    #[default]
    User,
    Account,
}

/// A token as the books keep it: its secret only as a hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    /// 32 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) cloud: Cloud,
    pub(crate) owner: Owner,
    /// The account it opens.
    pub(crate) account: String,
    /// SHA-256 of the secret, hexadecimal.
    pub(crate) hash: String,
    /// What it may do; `*` is everything.
    pub(crate) scopes: BTreeSet<String>,
    /// Zone names it is limited to; empty means all zones of its account.
    pub(crate) zones: BTreeSet<String>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Token {
    pub(crate) fn hash_of(secret: &str) -> String {
        hex::encode(Sha256::digest(secret.as_bytes()))
    }

    pub(crate) fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub(crate) fn allows(&self, scope: &str) -> bool {
        self.scopes.contains("*") || self.scopes.contains(scope)
    }

    pub(crate) fn reaches_zone(&self, name: &str) -> bool {
        self.zones.is_empty() || self.zones.contains(name)
    }
}

/// The secret of an `Authorization: Bearer …` header.
pub(crate) fn bearer(headers: &axum::http::HeaderMap) -> Option<&str> {
    let value = headers
        .get(axum::http::header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(secret.trim())
}
