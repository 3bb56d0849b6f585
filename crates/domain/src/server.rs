//! Servers, the logins at providers they come from, and the base snapshots they boot from.

use crate::{ProviderAccountId, ServerId, SnapshotId, SshKeyId, Timestamp, name::Name};
use serde::{Deserialize, Serialize};

/// The tag that every droplet we create carries; listing and destroying respect it.
pub const DEPLOYED_TAG: &str = "deployed-via-api";

/// Who rents us machines or answers for our names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// DigitalOcean: servers.
    Digitalocean,
    /// Cloudflare: DNS and certificates.
    Cloudflare,
}

/// Our login at a provider. The token lives in the keychain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderAccount {
    /// Id; the token's key in the keychain.
    pub id: ProviderAccountId,
    /// Which provider.
    pub provider: Provider,
    /// Name that the user gave, unique.
    pub name: Name,
    /// Where its API answers, and how it is trusted.
    pub endpoint: Endpoint,
    /// Whose it is, in the provider's words (an e-mail address or account name).
    pub owner: String,
    /// When it was connected.
    pub created_at: Timestamp,
}

/// Where an API answers. A practice cloud differs from a real one in nothing but this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// Base URL; `None` means the provider's public one.
    pub url: Option<String>,
    /// PEM of certificate authorities to trust besides the system's.
    pub ca_pem: Option<String>,
    /// `socks5h://…` proxy for the API and for the servers behind it.
    pub proxy: Option<String>,
    /// `address:port` of the resolver that sees this provider's names from outside.
    pub resolver: Option<String>,
}

/// A machine reached by SSH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Id.
    pub id: ServerId,
    /// Unique among servers.
    pub name: Name,
    /// The account that pays for it; `None` for a server that the user added.
    pub account_id: Option<ProviderAccountId>,
    /// The provider's id of it.
    pub provider_ref: Option<String>,
    /// Region slug at its provider.
    pub region: Option<String>,
    /// Size slug at its provider.
    pub size: Option<String>,
    /// Price in integer cents of US dollars a month; `None` where we do not know.
    pub price_cents_month: Option<u64>,
    /// How SSH reaches it; `None` until it has an address.
    pub ssh: Option<SshTarget>,
    /// The reserved address that points at it besides its own, for as long as we keep one.
    #[serde(default)]
    pub reserved_ip: Option<String>,
    /// Where it stands.
    pub state: ServerState,
    /// Hash of the recipe it was prepared by.
    pub recipe_hash: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Where a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// A job is creating it.
    Provisioning,
    /// It can be deployed to.
    Ready,
    /// It is switched off.
    Off,
    /// It was destroyed; kept for history.
    Destroyed,
}

/// How SSH reaches a server, with the host key pinned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SshTarget {
    /// IP address or DNS name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Login.
    pub user: String,
    /// The pinned host key in OpenSSH's form, `ssh-ed25519 AAAA…`, without a comment.
    pub host_key: String,
    /// The key pair to log in with; its private half is in the keychain.
    pub key_id: SshKeyId,
    /// `socks5h://…` proxy, where the server is not routable from here.
    pub proxy: Option<String>,
}

/// The public half of a key pair; the private half is in the keychain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshKey {
    /// Id; the private half's key in the keychain.
    pub id: SshKeyId,
    /// Name, unique.
    pub name: Name,
    /// `ssh-ed25519 AAAA…`.
    pub public: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A provider disk image from which servers boot in a fraction of the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseSnapshot {
    /// Id.
    pub id: SnapshotId,
    /// The account that keeps it.
    pub account_id: ProviderAccountId,
    /// The provider's id of it.
    pub provider_ref: String,
    /// Hash of the recipe it was made by; not today's means outdated.
    pub recipe_hash: String,
    /// Region slugs where it can be used.
    pub regions: Vec<String>,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Smallest disk it fits on, GiB.
    pub min_disk_gib: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether a text can be the address of a server: an IP address or a DNS name.
pub fn is_address(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:".contains(&b);
    !host.is_empty() && host.len() <= 253 && !host.starts_with('-') && host.bytes().all(plain)
}

/// Whether a text can be a login.
pub fn is_login(user: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    !user.is_empty() && !user.starts_with('-') && user.bytes().all(plain)
}

/// Whether a text can be a tag. DigitalOcean's rule: letters, digits, colons, dashes, underscores,
/// at most 255.
pub fn is_tag(tag: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b":-_".contains(&b);
    !tag.is_empty() && tag.len() <= 255 && tag.bytes().all(plain)
}

/// `SHA256:…` of a public key in OpenSSH's form, as `ssh-keygen -l` shows it; `None` when it cannot
/// be read.
pub fn fingerprint(public: &str) -> Option<String> {
    use base64::Engine as _;
    use sha2::Digest as _;
    let blob = base64::engine::general_purpose::STANDARD
        .decode(public.split_whitespace().nth(1)?)
        .ok()?;
    let digest = sha2::Sha256::digest(blob);
    let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest);
    Some(format!("SHA256:{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_one_that_openssh_shows() {
        let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github.com";
        assert_eq!(
            fingerprint(public).as_deref(),
            Some("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU")
        );
        assert_eq!(fingerprint("ssh-ed25519"), None);
        assert_eq!(fingerprint("ssh-ed25519 %%%"), None);
    }
}
