//! The ground that the clouds stand on: what an API handler asks of real machines.
//!
//! The API (`api`) keeps the books of a cloud; the ground keeps containers, volumes and addresses.
//! The wall between them is this trait, so that wire formats are tested without an engine and the
//! engine without a wire format.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What a droplet is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Boot {
    /// The stock base image of the lab, by its public slug (`debian-12-x64`).
    Stock {
        /// The slug as the DigitalOcean API names it.
        slug: String,
    },
    /// A snapshot taken in this lab.
    Snapshot {
        /// Identifier of the snapshot, as in the API.
        snapshot_id: u64,
    },
}

/// Everything the ground needs to boot one droplet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropletSpec {
    /// Identifier of the droplet, as in the API.
    pub id: u64,
    /// Host name.
    pub name: String,
    /// Region slug, told to the droplet by its metadata.
    pub region: String,
    /// Virtual processors; a limit on the container.
    pub vcpus: u32,
    /// Memory in MiB; a limit on the container.
    pub memory_mib: u64,
    /// What it boots from.
    pub boot: Boot,
    /// OpenSSH public keys for `root`.
    pub public_keys: Vec<String>,
    /// cloud-init user data, at most 64 KiB.
    pub user_data: String,
    /// Tags, told to the droplet by its metadata.
    pub tags: Vec<String>,
}

/// The addresses a droplet got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Public IPv4 address: reachable from the host, directly or through the lab's proxy.
    pub public_ipv4: String,
    /// Private IPv4 address.
    pub private_ipv4: String,
    /// IPv4 gateway of the public network.
    pub gateway: String,
    /// Netmask of the public network.
    pub netmask: String,
}

/// What the ground sees of a droplet now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PowerState {
    /// Its container runs.
    On,
    /// Its container exists and is stopped.
    Off,
    /// There is no such container.
    Gone,
}

/// A change of power, as DigitalOcean's droplet actions name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PowerAction {
    /// Start a stopped droplet.
    On,
    /// Cut the power.
    Off,
    /// Ask the system to stop, then cut the power.
    Shutdown,
    /// Ask the system to reboot.
    Reboot,
    /// Cut the power and start again.
    Cycle,
}

/// One inbound rule of a cloud firewall, already resolved to addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundRule {
    /// `tcp`, `udp` or `icmp`.
    pub protocol: String,
    /// First port, inclusive; 0 with `icmp`.
    pub first_port: u16,
    /// Last port, inclusive; 0 with `icmp`.
    pub last_port: u16,
    /// CIDR blocks that may connect.
    pub sources: Vec<String>,
}

/// What goes wrong with one droplet, on demand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum DropletFault {
    /// Drops every packet to and from the droplet, as a pulled cable does.
    Cut,
    /// Adds a delay in milliseconds to every packet.
    Slow {
        /// One-way delay, ms.
        delay_ms: u64,
    },
    /// Fills the disk, leaving this many bytes.
    DiskFull {
        /// Bytes left free.
        leave_bytes: u64,
    },
    /// Replaces the SSH host keys.
    NewHostKey,
    /// Stops sshd.
    SshDown,
    /// Undoes every fault of this droplet.
    Mend,
}

/// The name of a zone's record as the resolver and the edge need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedRecord {
    /// Fully qualified name, lower case, without the final dot. May start with `*.`.
    pub name: String,
    /// `A`, `AAAA`, `CNAME`, `TXT`, `MX`, …
    pub kind: String,
    /// The record's content as the API keeps it.
    pub content: String,
    /// Time to live in seconds (already resolved from *automatic*).
    pub ttl: u32,
    /// Whether traffic passes through the edge; then the resolver answers the edge's address.
    pub proxied: bool,
}

/// Cloudflare's SSL mode of a zone: how the edge talks to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SslMode {
    /// No TLS at the edge.
    Off,
    /// The edge speaks plain HTTP to the origin.
    Flexible,
    /// TLS to the origin, certificate not verified.
    Full,
    /// TLS to the origin, certificate verified (Origin CA or public CA).
    Strict,
}

/// One zone as the resolver and the edge see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedZone {
    /// Zone apex.
    pub name: String,
    /// SSL mode towards the origin.
    pub ssl: SslMode,
    /// Cloudflare's *Always Use HTTPS*: the edge redirects plain requests.
    #[serde(default)]
    pub always_use_https: bool,
    /// All records.
    pub records: Vec<PublishedRecord>,
}

/// Why the ground could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {cause}")]
pub struct GroundError {
    /// What was being done, to what.
    pub doing: String,
    /// Why it failed, in the engine's or system's words.
    pub cause: String,
}

/// Real machines under the API.
#[async_trait]
pub trait Ground: Send + Sync {
    /// Boots a droplet and returns its addresses as soon as they are known (before SSH answers).
    async fn create(&self, droplet: &DropletSpec) -> Result<Addresses, GroundError>;
    /// Boots the droplet anew from `droplet.boot`, keeping its identity. Where an implementation
    /// can keep the addresses it should: the real one does.
    async fn rebuild(&self, droplet: &DropletSpec) -> Result<Addresses, GroundError> {
        self.destroy(droplet.id).await?;
        self.create(droplet).await
    }
    /// Changes its power; returns when the change has happened.
    async fn power(&self, droplet_id: u64, action: PowerAction) -> Result<(), GroundError>;
    /// What the ground sees of it now.
    async fn observe(&self, droplet_id: u64) -> Result<PowerState, GroundError>;
    /// Removes the container and its volumes; safe to call twice.
    async fn destroy(&self, droplet_id: u64) -> Result<(), GroundError>;
    /// Freezes the droplet, copies its file system and Docker volume; returns the size in bytes.
    async fn snapshot(&self, droplet_id: u64, snapshot_id: u64) -> Result<u64, GroundError>;
    /// Removes a snapshot; safe to call twice.
    async fn delete_snapshot(&self, snapshot_id: u64) -> Result<(), GroundError>;
    /// Sets the complete inbound rules of a droplet; `None` means no cloud firewall applies.
    async fn firewall(
        &self,
        droplet_id: u64,
        inbound: Option<&[InboundRule]>,
    ) -> Result<(), GroundError>;
    /// Reserves a public address of the lab's network.
    async fn reserve_address(&self) -> Result<String, GroundError>;
    /// Points a reserved address at a droplet, or at none.
    async fn assign_address(
        &self,
        address: &str,
        droplet_id: Option<u64>,
    ) -> Result<(), GroundError>;
    /// Gives a reserved address back.
    async fn release_address(&self, address: &str) -> Result<(), GroundError>;
    /// Tells the resolver and the edge the complete present state of all zones.
    async fn publish_zones(&self, zones: &[PublishedZone]) -> Result<(), GroundError>;
    /// Makes something go wrong with a droplet, or mends it.
    async fn fault(&self, droplet_id: u64, fault: &DropletFault) -> Result<(), GroundError>;
}
