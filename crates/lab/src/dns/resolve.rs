//! From a question to an answer.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, AAAA, HINFO};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::directory::{Datum, Directory, Found, Node, Zone, address};
use super::record::key;
use super::upstream;

/// Longest chain of aliases that is followed; a loop ends here.
pub(super) const LONGEST_CHAIN: usize = 8;

/// Time to live of a proxied name's address, seconds: Cloudflare's *automatic*.
const PROXIED_TTL: u32 = 300;

/// The three sections that an answer fills, and its code.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) answers: Vec<Record>,
    pub(super) authorities: Vec<Record>,
}

impl Answer {
    fn empty(code: ResponseCode) -> Self {
        Self {
            code,
            authoritative: true,
            answers: Vec::new(),
            authorities: Vec::new(),
        }
    }

    /// The name exists (`NoError`) or not (`NXDomain`), and has nothing of that kind: the SOA
    /// record says for how long that may be remembered.
    fn negative(mut self, code: ResponseCode, zone: &Zone) -> Self {
        self.code = code;
        if let Ok(apex) = super::record::absolute(&zone.apex) {
            self.authorities.push(wire(&apex, &zone.soa));
        }
        self
    }
}

impl Directory {
    /// Answers from the zones; `None` when the question is for another resolver.
    pub(super) async fn answer(&self, name: &Name, kind: RecordType) -> Option<Answer> {
        self.answer_within(name, kind, LONGEST_CHAIN).await
    }

    /// Answers from the zones or asks the upstream resolvers.
    pub(super) async fn answer_or_ask(&self, name: &Name, kind: RecordType) -> Answer {
        self.answer_or_ask_within(name, kind, LONGEST_CHAIN).await
    }

    async fn answer_or_ask_within(&self, name: &Name, kind: RecordType, left: usize) -> Answer {
        if let Some(answer) = self.answer_within(name, kind, left).await {
            return answer;
        }
        let (code, answers) = upstream::lookup(&self.settings.upstreams, name, kind).await;
        Answer {
            code,
            authoritative: false,
            answers,
            authorities: Vec::new(),
        }
    }

    async fn answer_within(&self, name: &Name, kind: RecordType, left: usize) -> Option<Answer> {
        let mut answer = Answer::empty(ResponseCode::NoError);
        let mut owner = name.clone();
        for left in (0..left).rev() {
            match self.find(&key(&owner)) {
                Found::Outside if answer.answers.is_empty() => {
                    return is_private_reverse(&owner)
                        .then(|| Answer::empty(ResponseCode::NXDomain));
                }
                Found::Outside => {
                    let (code, more) =
                        upstream::lookup(&self.settings.upstreams, &owner, kind).await;
                    answer.code = code;
                    answer.answers.extend(more);
                    return Some(answer);
                }
                Found::Delegated(node, at) => {
                    let at = super::record::absolute(&at).ok()?;
                    let servers = node.of_kind(RecordType::NS).map(|datum| wire(&at, datum));
                    if kind == RecordType::NS && at == owner {
                        answer.answers.extend(servers);
                    } else {
                        answer.authoritative = !answer.answers.is_empty();
                        answer.authorities.extend(servers);
                    }
                    return Some(answer);
                }
                Found::Nothing(zone) => {
                    return Some(answer.negative(ResponseCode::NXDomain, zone));
                }
                Found::Node(zone, node) => {
                    if kind == RecordType::ANY {
                        answer.answers.push(minimal_any(&owner));
                        return Some(answer);
                    }
                    let apex = key(&owner) == zone.apex;
                    let found = self.at_node(&owner, kind, node, apex, left).await;
                    if !found.is_empty() {
                        answer.answers.extend(found);
                        return Some(answer);
                    }
                    match node.alias() {
                        Some((datum, target)) if !node.proxied && !apex => {
                            answer.answers.push(wire(&owner, datum));
                            owner = target.clone();
                        }
                        _ => return Some(answer.negative(ResponseCode::NoError, zone)),
                    }
                }
            }
        }
        answer.code = ResponseCode::ServFail;
        Some(answer)
    }

    /// The records of one kind at a name that exists, as the outside sees them.
    async fn at_node(
        &self,
        owner: &Name,
        kind: RecordType,
        node: &Node,
        apex: bool,
        left: usize,
    ) -> Vec<Record> {
        let addressed = matches!(kind, RecordType::A | RecordType::AAAA | RecordType::CNAME);
        if node.proxied && addressed {
            return self.edge_address(owner, kind).into_iter().collect();
        }
        if apex
            && let Some((_, target)) = node.alias()
            && addressed
        {
            // An alias at the apex would hide the zone's own SOA and NS records, so Cloudflare
            // answers with the addresses that it leads to.
            if kind == RecordType::CNAME || left == 0 {
                return Vec::new();
            }
            let target = Box::pin(self.answer_or_ask_within(target, kind, left)).await;
            return target
                .answers
                .into_iter()
                .filter(|record| address(&record.data).is_some())
                .map(|record| Record::from_rdata(owner.clone(), record.ttl, record.data))
                .collect();
        }
        node.of_kind(kind).map(|datum| wire(owner, datum)).collect()
    }

    fn edge_address(&self, owner: &Name, kind: RecordType) -> Option<Record> {
        let data = match kind {
            RecordType::A => RData::A(A(self.settings.edge_ipv4?)),
            RecordType::AAAA => RData::AAAA(AAAA(self.settings.edge_ipv6?)),
            _ => return None,
        };
        Some(Record::from_rdata(owner.clone(), PROXIED_TTL, data))
    }
}

fn wire(owner: &Name, datum: &Datum) -> Record {
    Record::from_rdata(owner.clone(), datum.ttl, datum.data.clone())
}

/// What Cloudflare answers to a question for everything (RFC 8482).
fn minimal_any(owner: &Name) -> Record {
    let data = RData::HINFO(HINFO::new("RFC8482".to_owned(), String::new()));
    Record::from_rdata(owner.clone(), 3_789, data)
}

/// Reverse names of private addresses, which no public resolver knows (RFC 6303). Programs on a
/// droplet ask for them, and would wait for a timeout where there is no way out.
fn is_private_reverse(name: &Name) -> bool {
    let text = key(name);
    if !text.ends_with(".in-addr.arpa") && !text.ends_with(".ip6.arpa") {
        return false;
    }
    name.parse_arpa_name().is_ok_and(|net| match net.addr() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    })
}
