//! Logins at providers, and the keys that servers know us by.

use super::{ProviderAccountId, ReceiptView, SshKeyId, mirror::mirror};
use plimsoll_domain::server::{Provider, ProviderAccount, SshKey, fingerprint};
use plimsoll_engine::{Connected, ports::TokenReport};
use serde::{Deserialize, Serialize};
use specta::Type;

mirror! {
    /// A provider.
    ProviderView of Provider {
        /// Rents servers.
        Digitalocean,
        /// Answers for names.
        Cloudflare,
    }
}

/// A login at a provider. Its token stays in the keychain.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct AccountView {
    /// Id.
    pub id: ProviderAccountId,
    /// Which provider.
    pub provider: ProviderView,
    /// Unique among accounts.
    pub name: String,
    /// Whose it is, in the provider's words.
    pub owner: String,
    /// Whether it is at the practice cloud on this machine.
    pub practice: bool,
    /// Where its API answers; none for the provider's public one.
    pub url: Option<String>,
    /// When it was connected, RFC 3339.
    pub created_at: String,
}

impl From<ProviderAccount> for AccountView {
    fn from(account: ProviderAccount) -> Self {
        Self {
            id: account.id.into(),
            provider: account.provider.into(),
            name: account.name.to_string(),
            owner: account.owner,
            practice: account.endpoint.is_practice(),
            url: account.endpoint.url,
            created_at: account.created_at.to_string(),
        }
    }
}

/// What a token turned out to be.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct TokenReportView {
    /// Whose it is.
    pub owner: String,
    /// What the provider allows, in its words.
    pub limits: Vec<String>,
    /// Scopes that Plimsoll needs and it lacks.
    pub missing_scopes: Vec<String>,
    /// When it expires, RFC 3339, where the provider says.
    pub expires_at: Option<String>,
}

impl From<TokenReport> for TokenReportView {
    fn from(report: TokenReport) -> Self {
        Self {
            owner: report.owner,
            limits: report.limits,
            missing_scopes: report.missing_scopes,
            expires_at: report.expires_at,
        }
    }
}

/// An account that was connected, and what its token turned out to be.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ConnectedView {
    /// The change.
    pub receipt: ReceiptView,
    /// What the token turned out to be.
    pub report: TokenReportView,
}

impl From<Connected> for ConnectedView {
    fn from(connected: Connected) -> Self {
        Self {
            receipt: connected.receipt.into(),
            report: connected.report.into(),
        }
    }
}

/// The public half of a key pair.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct KeyView {
    /// Id.
    pub id: SshKeyId,
    /// Unique among keys.
    pub name: String,
    /// As it stands among a server's authorized keys.
    pub public: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it; empty when it cannot be read.
    pub fingerprint: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
}

impl From<SshKey> for KeyView {
    fn from(key: SshKey) -> Self {
        Self {
            id: key.id.into(),
            name: key.name.to_string(),
            fingerprint: fingerprint(&key.public).unwrap_or_default(),
            public: key.public,
            created_at: key.created_at.to_string(),
        }
    }
}
