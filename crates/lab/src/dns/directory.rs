//! What the resolver and the edge know: every zone, indexed for look-ups.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{RData, RecordType};

use super::record::{absolute, key, parse};
use super::resolve::LONGEST_CHAIN;
use super::upstream;
use crate::ground::{PublishedZone, SslMode};

/// Time to live of a name server record at an apex, seconds, as Cloudflare serves it.
const NS_TTL: u32 = 86_400;

/// How long a resolver may remember that a name does not exist, seconds. Cloudflare says 1,800; a
/// learner who looked a name up before it was there should not wait half an hour for it.
const NEGATIVE_TTL: u32 = 60;

/// How long the edge may go on with an address that another resolver told.
const REMEMBERED: Duration = Duration::from_secs(30);

/// What stands around the zones.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The address that proxied names answer for `A`; none answers no data.
    pub edge_ipv4: Option<Ipv4Addr>,
    /// The address that proxied names answer for `AAAA`; none answers no data.
    pub edge_ipv6: Option<Ipv6Addr>,
    /// Names of the name servers at every apex; the first is the primary of the SOA record.
    pub name_servers: Vec<String>,
    /// Resolvers for names outside the zones, tried in order; empty refuses such names.
    pub upstreams: Vec<SocketAddr>,
}

/// All zones at one moment. Publishing a change means building a new one.
#[derive(Debug)]
pub struct Directory {
    pub(super) settings: Settings,
    zones: HashMap<String, Zone>,
    /// Targets of proxied aliases that other resolvers know, with the time of the answer.
    outside: Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>,
}

/// Where the edge finds what stands behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Apex of the zone that holds the name.
    pub zone: String,
    /// How the edge speaks to the origin.
    pub ssl: SslMode,
    /// Whether plain requests are redirected.
    pub always_use_https: bool,
    /// Addresses of the origin in the order of the records; empty when the name's target does not
    /// resolve.
    pub addresses: Vec<IpAddr>,
}

#[derive(Debug)]
pub(super) struct Zone {
    pub(super) apex: String,
    pub(super) soa: Datum,
    ssl: SslMode,
    always_use_https: bool,
    nodes: HashMap<String, Node>,
}

/// A name that exists. Without records it is an empty non-terminal (RFC 4592).
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) proxied: bool,
    pub(super) data: Vec<Datum>,
}

#[derive(Debug, Clone)]
pub(super) struct Datum {
    pub(super) kind: RecordType,
    pub(super) ttl: u32,
    pub(super) data: RData,
}

/// Where a name leads.
pub(super) enum Found<'a> {
    /// No zone of ours holds it.
    Outside,
    /// A zone holds it, and the name exists, perhaps by a wildcard.
    Node(&'a Zone, &'a Node),
    /// A zone holds it, and hands it to other name servers at this name.
    Delegated(&'a Node, String),
    /// A zone holds it, and the name does not exist.
    Nothing(&'a Zone),
}

impl Node {
    pub(super) fn of_kind(&self, kind: RecordType) -> impl Iterator<Item = &Datum> {
        self.data.iter().filter(move |datum| datum.kind == kind)
    }

    pub(super) fn alias(&self) -> Option<(&Datum, &hickory_proto::rr::Name)> {
        self.data.iter().find_map(|datum| match &datum.data {
            RData::CNAME(target) => Some((datum, &target.0)),
            _ => None,
        })
    }
}

impl Directory {
    /// Indexes the zones. A record whose content cannot be put on the wire is left out, with a
    /// warning in the log.
    pub fn new(settings: Settings, zones: &[PublishedZone]) -> Self {
        let serial = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u32::try_from(since.as_secs() & u64::from(u32::MAX)).unwrap_or(0)
            });
        let zones = zones
            .iter()
            .filter_map(|zone| match Zone::new(zone, &settings, serial) {
                Ok(zone) => Some((zone.apex.clone(), zone)),
                Err(cause) => {
                    tracing::warn!(zone = zone.name, cause, "the zone cannot be served");
                    None
                }
            })
            .collect();
        Self {
            settings,
            zones,
            outside: Mutex::default(),
        }
    }

    /// Apex and SSL mode of the zone that holds a name, if one of ours does.
    pub fn zone_of(&self, name: &str) -> Option<(&str, SslMode)> {
        self.zone(&normal(name))
            .map(|zone| (zone.apex.as_str(), zone.ssl))
    }

    /// Whether an address is the edge's own.
    pub fn is_edge(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.settings.edge_ipv4 == Some(address),
            IpAddr::V6(address) => self.settings.edge_ipv6 == Some(address),
        }
    }

    /// The origin behind a proxied name; `None` when no zone holds the name or it is not proxied.
    pub async fn origin(&self, host: &str) -> Option<Origin> {
        let mut name = normal(host);
        let Found::Node(zone, node) = self.find(&name) else {
            return None;
        };
        if !node.proxied {
            return None;
        }
        let mut origin = Origin {
            zone: zone.apex.clone(),
            ssl: zone.ssl,
            always_use_https: zone.always_use_https,
            addresses: Vec::new(),
        };
        for _ in 0..LONGEST_CHAIN {
            match self.find(&name) {
                Found::Node(_, node) => {
                    if let Some((_, target)) = node.alias() {
                        name = key(target);
                        continue;
                    }
                    origin.addresses = node.data.iter().filter_map(|d| address(&d.data)).collect();
                }
                Found::Outside => {
                    origin.addresses = self.outside(&name).await;
                }
                Found::Delegated(..) | Found::Nothing(_) => {}
            }
            break;
        }
        Some(origin)
    }

    /// Addresses of a name outside the zones, remembered for a moment: the edge asks for every
    /// request, and must not ask other people's resolvers as often.
    async fn outside(&self, name: &str) -> Vec<IpAddr> {
        let remembered = self.lock().get(name).cloned();
        if let Some((since, addresses)) = remembered
            && since.elapsed() < REMEMBERED
        {
            return addresses;
        }
        let addresses = upstream::addresses(&self.settings.upstreams, name).await;
        let mut outside = self.lock();
        outside.retain(|_, (since, _)| since.elapsed() < REMEMBERED);
        if !addresses.is_empty() {
            outside.insert(name.to_owned(), (Instant::now(), addresses.clone()));
        }
        addresses
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, Vec<IpAddr>)>> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Addresses of a name as a client of this resolver would get them.
    pub async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let Ok(name) = absolute(host) else {
            return Vec::new();
        };
        let mut addresses = Vec::new();
        for kind in [RecordType::A, RecordType::AAAA] {
            let answer = self.answer_or_ask(&name, kind).await;
            addresses.extend(
                answer
                    .answers
                    .iter()
                    .filter_map(|record| address(&record.data)),
            );
        }
        addresses
    }

    pub(super) fn find(&self, name: &str) -> Found<'_> {
        let Some(zone) = self.zone(name) else {
            return Found::Outside;
        };
        let below = name
            .strip_suffix(zone.apex.as_str())
            .unwrap_or("")
            .trim_end_matches('.');
        // From the apex downwards, so that the highest delegation wins.
        let mut starts: Vec<usize> = if below.is_empty() {
            Vec::new()
        } else {
            vec![0]
        };
        starts.extend(below.match_indices('.').map(|(at, _)| at + 1));
        let mut encloser = zone.apex.as_str();
        for start in starts.into_iter().rev() {
            let ancestor = &name[start..];
            let Some(node) = zone.nodes.get(ancestor) else {
                break;
            };
            if node.of_kind(RecordType::NS).next().is_some() {
                return Found::Delegated(node, ancestor.to_owned());
            }
            encloser = ancestor;
        }
        if encloser == name {
            return zone
                .nodes
                .get(name)
                .map_or(Found::Nothing(zone), |n| Found::Node(zone, n));
        }
        match zone.nodes.get(&format!("*.{encloser}")) {
            Some(node) => Found::Node(zone, node),
            None => Found::Nothing(zone),
        }
    }

    fn zone(&self, name: &str) -> Option<&Zone> {
        suffixes(name).find_map(|suffix| self.zones.get(suffix))
    }
}

impl Zone {
    fn new(zone: &PublishedZone, settings: &Settings, serial: u32) -> Result<Self, String> {
        let apex = key(&absolute(&zone.name)?);
        let servers = settings
            .name_servers
            .iter()
            .map(|server| absolute(server))
            .collect::<Result<Vec<_>, _>>()?;
        let primary = match servers.first() {
            Some(primary) => primary.clone(),
            None => absolute(&format!("ns.{apex}"))?,
        };
        let mailbox = absolute("dns.cloudflare.com")?;
        // Refresh, retry and expiry as Cloudflare serves them.
        let soa = SOA::new(
            primary,
            mailbox,
            serial,
            10_000,
            2_400,
            604_800,
            NEGATIVE_TTL,
        );
        let soa = Datum {
            kind: RecordType::SOA,
            ttl: NEGATIVE_TTL,
            data: RData::SOA(soa),
        };
        let mut nodes: HashMap<String, Node> = HashMap::new();
        let top = nodes.entry(apex.clone()).or_default();
        top.data.push(soa.clone());
        for server in servers {
            top.data.push(Datum {
                kind: RecordType::NS,
                ttl: NS_TTL,
                data: RData::NS(NS(server)),
            });
        }
        for record in &zone.records {
            let parsed = absolute(&record.name).and_then(|name| Ok((key(&name), parse(record)?)));
            let (name, (kind, data)) = match parsed {
                Ok((name, parsed)) if name == apex || name.ends_with(&format!(".{apex}")) => {
                    (name, parsed)
                }
                Ok(_) => {
                    tracing::warn!(
                        zone = apex,
                        record = record.name,
                        "a record outside its zone"
                    );
                    continue;
                }
                Err(cause) => {
                    tracing::warn!(
                        zone = apex,
                        record = record.name,
                        kind = record.kind,
                        cause,
                        "a record that cannot be served"
                    );
                    continue;
                }
            };
            for ancestor in suffixes(&name).skip(1) {
                if ancestor.len() <= apex.len() {
                    break;
                }
                nodes.entry(ancestor.to_owned()).or_default();
            }
            let node = nodes.entry(name).or_default();
            node.proxied |= record.proxied
                && matches!(kind, RecordType::A | RecordType::AAAA | RecordType::CNAME);
            node.data.push(Datum {
                kind,
                ttl: record.ttl,
                data,
            });
        }
        Ok(Self {
            apex,
            soa,
            ssl: zone.ssl,
            always_use_https: zone.always_use_https,
            nodes,
        })
    }
}

/// A host name as people and clients write it, in the form of the index.
fn normal(host: &str) -> String {
    absolute(host).map_or_else(|_| host.to_ascii_lowercase(), |name| key(&name))
}

/// `a.b.c`, `b.c`, `c`.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| {
        rest.split_once('.').map(|(_, parent)| parent)
    })
}

pub(super) fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}
