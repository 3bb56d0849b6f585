//! DigitalOcean's answers, as far as we read them.

use super::amount;
use plimsoll_engine::ports::{self, DiskSnapshot, ReservedIp};
use serde::{Deserialize, Deserializer};
use serde_json::Number;

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) email: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) status_message: String,
    pub(super) droplet_limit: u64,
    pub(super) floating_ip_limit: Option<u64>,
    pub(super) reserved_ip_limit: Option<u64>,
    pub(super) team: Option<Team>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct SshKey {
    pub(super) id: u64,
    pub(super) public_key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Size {
    slug: String,
    memory: u64,
    vcpus: u32,
    disk: u64,
    #[serde(deserialize_with = "cents")]
    price_monthly: u64,
    regions: Vec<String>,
    available: bool,
}

impl From<Size> for ports::Size {
    fn from(size: Size) -> Self {
        Self {
            slug: size.slug,
            memory_mib: size.memory,
            vcpus: size.vcpus,
            disk_gib: size.disk,
            price_cents_month: size.price_monthly,
            regions: size.regions,
            available: size.available,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Region {
    slug: String,
    name: String,
    available: bool,
}

impl From<Region> for ports::Region {
    fn from(region: Region) -> Self {
        Self {
            slug: region.slug,
            name: region.name,
            available: region.available,
        }
    }
}

/// A region where only its slug matters.
#[derive(Debug, Deserialize)]
struct Place {
    slug: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Droplet {
    pub(super) id: u64,
    name: String,
    pub(super) status: String,
    #[serde(default)]
    networks: Networks,
    region: Place,
    size_slug: String,
    size: Price,
    #[serde(default, deserialize_with = "or_default")]
    tags: Vec<String>,
    created_at: String,
}

#[derive(Debug, Deserialize)]
struct Price {
    #[serde(deserialize_with = "cents")]
    price_monthly: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Networks {
    #[serde(default, deserialize_with = "or_default")]
    v4: Vec<Address>,
}

#[derive(Debug, Deserialize)]
struct Address {
    ip_address: String,
    #[serde(rename = "type")]
    kind: String,
}

impl From<Droplet> for ports::Droplet {
    fn from(droplet: Droplet) -> Self {
        // The private address may come first, or alone for a while.
        let public = droplet
            .networks
            .v4
            .into_iter()
            .find(|address| address.kind == "public");
        Self {
            id: droplet.id,
            name: droplet.name,
            status: droplet.status,
            public_ipv4: public.map(|address| address.ip_address),
            region: droplet.region.slug,
            size: droplet.size_slug,
            price_cents_month: droplet.size.price_monthly,
            tags: droplet.tags,
            created_at: droplet.created_at,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Action {
    pub(super) id: u64,
    pub(super) status: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) started_at: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Snapshot {
    id: String,
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    regions: Vec<String>,
    min_disk_size: u64,
    #[serde(deserialize_with = "bytes")]
    size_gigabytes: u64,
    created_at: String,
}

impl From<Snapshot> for DiskSnapshot {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            id: snapshot.id,
            name: snapshot.name,
            regions: snapshot.regions,
            min_disk_gib: snapshot.min_disk_size,
            size_bytes: snapshot.size_gigabytes,
            created_at: snapshot.created_at,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Reserved {
    ip: String,
    region: Place,
    droplet: Option<Pointed>,
}

#[derive(Debug, Deserialize)]
struct Pointed {
    id: Option<u64>,
}

impl From<Reserved> for ReservedIp {
    fn from(reserved: Reserved) -> Self {
        Self {
            ip: reserved.ip,
            region: reserved.region.slug,
            droplet_id: reserved.droplet.and_then(|droplet| droplet.id),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Firewall {
    id: String,
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    inbound_rules: Vec<Inbound>,
    #[serde(default, deserialize_with = "or_default")]
    tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    droplet_ids: Vec<u64>,
}

#[derive(Debug, Deserialize)]
struct Inbound {
    protocol: String,
    #[serde(default)]
    ports: String,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Sources {
    #[serde(default, deserialize_with = "or_default")]
    addresses: Vec<String>,
}

impl From<Firewall> for ports::Firewall {
    /// Keeps the TCP ports that are open to everybody; rules for some sources only, and ranges
    /// that somebody else made wider than 100 ports, are not ours to compare.
    fn from(firewall: Firewall) -> Self {
        let everybody = |rule: &&Inbound| {
            rule.protocol == "tcp"
                && rule
                    .sources
                    .addresses
                    .iter()
                    .any(|from| from == "0.0.0.0/0" || from == "::/0")
        };
        let mut open: Vec<u16> = firewall
            .inbound_rules
            .iter()
            .filter(everybody)
            .flat_map(|rule| {
                let (first, last) = rule
                    .ports
                    .split_once('-')
                    .unwrap_or((&rule.ports, &rule.ports));
                match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
                    (Ok(first), Ok(last)) if first > 0 && last.saturating_sub(first) < 100 => {
                        (first..=last).collect()
                    }
                    _ => Vec::new(),
                }
            })
            .collect();
        open.sort_unstable();
        open.dedup();
        Self {
            id: Some(firewall.id),
            name: firewall.name,
            open_tcp_ports: open,
            tags: firewall.tags,
            droplet_ids: firewall.droplet_ids,
        }
    }
}

fn cents<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    amount::cents(&Number::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    amount::bytes(&Number::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// The API writes `null` for some empty lists.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_public_address_is_found_behind_the_private_one_and_may_be_missing() {
        let droplet = |v4: serde_json::Value| -> ports::Droplet {
            let json = json!({
                "id": 412_000_001, "name": "web-1", "status": "active", "networks": {"v4": v4},
                "region": {"slug": "fra1"}, "size_slug": "s-1vcpu-1gb",
                "size": {"price_monthly": 6.0}, "tags": null, "created_at": "2026-11-21T09:00:00Z",
            });
            serde_json::from_value::<Droplet>(json).unwrap().into()
        };
        let private = json!({"ip_address": "10.114.0.2", "type": "private"});
        let public = json!({"ip_address": "203.0.113.7", "type": "public"});
        assert_eq!(droplet(json!([private])).public_ipv4, None);
        let both = droplet(json!([private, public]));
        assert_eq!(both.public_ipv4.as_deref(), Some("203.0.113.7"));
        assert_eq!(both.price_cents_month, 600);
    }

    #[test]
    fn only_tcp_ports_open_to_everybody_count_as_open() {
        let firewall: Firewall = serde_json::from_value(json!({
            "id": "f", "name": "web", "tags": ["a"], "droplet_ids": null,
            "inbound_rules": [
                {"protocol": "tcp", "ports": "443", "sources": {"addresses": ["0.0.0.0/0", "::/0"]}},
                {"protocol": "tcp", "ports": "8000-8002", "sources": {"addresses": ["::/0"]}},
                {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["198.51.100.1"]}},
                {"protocol": "udp", "ports": "53", "sources": {"addresses": ["0.0.0.0/0"]}},
                {"protocol": "tcp", "ports": "0", "sources": {"addresses": ["0.0.0.0/0"]}},
            ],
        }))
        .unwrap();
        assert_eq!(
            ports::Firewall::from(firewall).open_tcp_ports,
            [443, 8000, 8001, 8002]
        );
    }
}
