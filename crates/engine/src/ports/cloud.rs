//! Providers: those who rent machines and those who answer for names.
//!
//! Every call takes the account, so that one client with one budget of requests serves all callers
//! of that account. Tokens come from the keychain inside the adapter.

use super::PortResult;
use async_trait::async_trait;
use plimsoll_domain::{
    ProviderAccountId, Secret,
    dns::DnsRecord,
    server::{Endpoint, Provider, ProviderAccount},
};
use serde::{Deserialize, Serialize};

/// The keychain's entry with an account's token: the engine writes it, the adapters read it.
pub fn token_entry(account: ProviderAccountId) -> String {
    format!("provider-account/{account}")
}

/// What a token turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenReport {
    /// Whose it is: e-mail address or account name.
    pub owner: String,
    /// What the provider allows, in its words, such as `droplets: 25`.
    pub limits: Vec<String>,
    /// Scopes that we need and it lacks; empty when nothing is missing or nothing is known.
    pub missing_scopes: Vec<String>,
    /// When it expires, RFC 3339, where the provider says.
    pub expires_at: Option<String>,
}

/// Verifies tokens before they are kept.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Asks the provider whose token this is and what it may do.
    async fn verify(
        &self,
        provider: Provider,
        endpoint: &Endpoint,
        token: &Secret,
    ) -> PortResult<TokenReport>;
}

/// A size that a droplet can have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Slug.
    pub slug: String,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Processors.
    pub vcpus: u32,
    /// Disk, GiB.
    pub disk_gib: u64,
    /// Price a month, integer cents of US dollars.
    pub price_cents_month: u64,
    /// Regions that offer it.
    pub regions: Vec<String>,
    /// Whether it can be had now.
    pub available: bool,
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Slug.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// Whether it can be had now.
    pub available: bool,
}

/// A rented machine as its provider sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Droplet {
    /// Provider's id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// `new`, `active`, `off` or `archive`.
    pub status: String,
    /// Public IPv4 address, once there is one.
    pub public_ipv4: Option<String>,
    /// Region slug.
    pub region: String,
    /// Size slug.
    pub size: String,
    /// Price a month, integer cents of US dollars.
    pub price_cents_month: u64,
    /// Tags.
    pub tags: Vec<String>,
    /// When it was created, RFC 3339.
    pub created_at: String,
}

/// What to create. `unique_tag` finds it again after a crash, as a POST has no idempotency key.
#[derive(Debug, Clone)]
pub struct NewDroplet {
    /// Name.
    pub name: String,
    /// Region slug.
    pub region: String,
    /// Size slug.
    pub size: String,
    /// Image slug or snapshot id.
    pub image: String,
    /// Provider's ids of SSH keys.
    pub ssh_key_ids: Vec<u64>,
    /// Tags besides the unique one.
    pub tags: Vec<String>,
    /// A tag that no other droplet ever carries.
    pub unique_tag: String,
    /// cloud-init, at most 64 KiB. Holds a one-time host key: a secret.
    pub user_data: Secret,
}

/// An act that changes a droplet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DropletAct {
    /// Switch on.
    PowerOn,
    /// Ask the system to stop.
    Shutdown,
    /// Cut the power.
    PowerOff,
    /// Ask the system to reboot.
    Reboot,
    /// Take a snapshot of this name.
    Snapshot {
        /// Name of the snapshot; unique, so that it is found again after a crash.
        name: String,
    },
}

/// A provider's disk image of a droplet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskSnapshot {
    /// Provider's id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Region slugs where it can be used.
    pub regions: Vec<String>,
    /// Smallest disk, GiB.
    pub min_disk_gib: u64,
    /// Size, bytes.
    pub size_bytes: u64,
    /// When it was taken, RFC 3339.
    pub created_at: String,
}

/// A firewall: everything not named is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firewall {
    /// Provider's id; `None` for one that does not exist yet.
    pub id: Option<String>,
    /// Name, unique in the account.
    pub name: String,
    /// TCP ports open to everybody.
    pub open_tcp_ports: Vec<u16>,
    /// Tags whose droplets it protects.
    pub tags: Vec<String>,
    /// Droplets that it protects, by id.
    pub droplet_ids: Vec<u64>,
}

/// A public address that outlives droplets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedIp {
    /// Address.
    pub ip: String,
    /// Region slug.
    pub region: String,
    /// The droplet it points at.
    pub droplet_id: Option<u64>,
}

/// DigitalOcean, as far as we use it.
#[async_trait]
pub trait Compute: Send + Sync {
    /// All sizes.
    async fn sizes(&self, account: &ProviderAccount) -> PortResult<Vec<Size>>;
    /// All regions.
    async fn regions(&self, account: &ProviderAccount) -> PortResult<Vec<Region>>;
    /// Makes sure that a public key is registered; answers the provider's id of it.
    async fn ensure_ssh_key(
        &self,
        account: &ProviderAccount,
        name: &str,
        public: &str,
    ) -> PortResult<u64>;
    /// Creates a droplet, or finds the one that carries the unique tag already.
    async fn create_droplet(
        &self,
        account: &ProviderAccount,
        droplet: &NewDroplet,
    ) -> PortResult<Droplet>;
    /// One droplet; `None` when there is none.
    async fn droplet(&self, account: &ProviderAccount, id: u64) -> PortResult<Option<Droplet>>;
    /// All droplets with a tag, or all.
    async fn droplets(
        &self,
        account: &ProviderAccount,
        tag: Option<&str>,
    ) -> PortResult<Vec<Droplet>>;
    /// Destroys a droplet. It is the caller who checked that it may be destroyed. `Ok` when it is
    /// gone already.
    async fn destroy_droplet(&self, account: &ProviderAccount, id: u64) -> PortResult<()>;
    /// Starts an act and waits until the provider says that it is completed or failed.
    async fn act(&self, account: &ProviderAccount, id: u64, act: &DropletAct) -> PortResult<()>;
    /// Adds a tag to a droplet, creating the tag.
    async fn tag(&self, account: &ProviderAccount, id: u64, tag: &str) -> PortResult<()>;
    /// Removes a tag from a droplet and, when `delete` is set, the tag itself.
    async fn untag(
        &self,
        account: &ProviderAccount,
        id: u64,
        tag: &str,
        delete: bool,
    ) -> PortResult<()>;
    /// All droplet snapshots of the account.
    async fn snapshots(&self, account: &ProviderAccount) -> PortResult<Vec<DiskSnapshot>>;
    /// Deletes a snapshot; `Ok` when it is gone already.
    async fn delete_snapshot(&self, account: &ProviderAccount, id: &str) -> PortResult<()>;
    /// All firewalls.
    async fn firewalls(&self, account: &ProviderAccount) -> PortResult<Vec<Firewall>>;
    /// Creates or replaces the firewall of that name; answers it with its id.
    async fn put_firewall(
        &self,
        account: &ProviderAccount,
        firewall: &Firewall,
    ) -> PortResult<Firewall>;
    /// Deletes a firewall; `Ok` when it is gone already.
    async fn delete_firewall(&self, account: &ProviderAccount, id: &str) -> PortResult<()>;
    /// All reserved addresses.
    async fn reserved_ips(&self, account: &ProviderAccount) -> PortResult<Vec<ReservedIp>>;
    /// Reserves an address for a droplet. The provider points it there by itself, which may take
    /// until after the answer. It cannot carry a tag: after a crash it is known by its droplet.
    async fn reserve_ip(
        &self,
        account: &ProviderAccount,
        droplet_id: u64,
    ) -> PortResult<ReservedIp>;
    /// Points a reserved address at a droplet, or at none.
    async fn assign_ip(
        &self,
        account: &ProviderAccount,
        ip: &str,
        droplet_id: Option<u64>,
    ) -> PortResult<()>;
    /// Gives a reserved address back; `Ok` when it is gone already.
    async fn release_ip(&self, account: &ProviderAccount, ip: &str) -> PortResult<()>;
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Provider's id.
    pub id: String,
    /// Apex name.
    pub name: String,
    /// `active`, `pending`, ….
    pub status: String,
}

/// How Cloudflare talks to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SslMode {
    /// No TLS at all.
    Off,
    /// Plain HTTP to the origin.
    Flexible,
    /// TLS, not verified.
    Full,
    /// TLS, verified: the only one we set.
    Strict,
}

/// A certificate as its issuer answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Provider's id.
    pub id: String,
    /// Chain, PEM.
    pub chain_pem: String,
    /// When it stops being valid.
    pub expires_at: plimsoll_domain::Timestamp,
}

/// Cloudflare, as far as we use it.
#[async_trait]
pub trait Zones: Send + Sync {
    /// All zones of the account.
    async fn zones(&self, account: &ProviderAccount) -> PortResult<Vec<Zone>>;
    /// Records of a name in a zone; all records with `None`.
    async fn records(
        &self,
        account: &ProviderAccount,
        zone_id: &str,
        name: Option<&str>,
    ) -> PortResult<Vec<DnsRecord>>;
    /// Creates the record, or updates the one with its provider's id. A create that was cut off is
    /// found again by name, kind and comment. Answers the record as it is now.
    async fn put_record(
        &self,
        account: &ProviderAccount,
        zone_id: &str,
        record: &DnsRecord,
    ) -> PortResult<DnsRecord>;
    /// Deletes a record; `Ok` when it is gone already.
    async fn delete_record(
        &self,
        account: &ProviderAccount,
        zone_id: &str,
        record_id: &str,
    ) -> PortResult<()>;
    /// The zone's SSL mode.
    async fn ssl_mode(&self, account: &ProviderAccount, zone_id: &str) -> PortResult<SslMode>;
    /// Sets the zone's SSL mode.
    async fn set_ssl_mode(
        &self,
        account: &ProviderAccount,
        zone_id: &str,
        mode: SslMode,
    ) -> PortResult<()>;
    /// Has the Origin CA sign a request for names in own zones. A request that was signed before
    /// gets the certificate of then, while that is good.
    async fn issue_origin_certificate(
        &self,
        account: &ProviderAccount,
        hosts: &[String],
        csr_pem: &str,
        validity_days: u32,
    ) -> PortResult<IssuedCertificate>;
    /// The good Origin CA certificate that this request for these names got, if it got one.
    async fn origin_certificate(
        &self,
        account: &ProviderAccount,
        hosts: &[String],
        csr_pem: &str,
    ) -> PortResult<Option<IssuedCertificate>>;
    /// Revokes an Origin CA certificate; `Ok` when it is gone already.
    async fn revoke_origin_certificate(
        &self,
        account: &ProviderAccount,
        id: &str,
    ) -> PortResult<()>;
}
