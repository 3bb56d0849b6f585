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

/// The zone that answers for a host: the longest apex that the host is in.
pub fn zone_of<'a, Z>(host: &HostName, zones: &'a [Z], apex: impl Fn(&Z) -> &str) -> Option<&'a Z> {
    zones
        .iter()
        .filter(|zone| host.is_in_zone(apex(zone)))
        .max_by_key(|zone| apex(zone).len())
}

/// A change of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordChange {
    /// As it is; `None` when it does not exist.
    pub before: Option<DnsRecord>,
    /// As it shall be; `None` when it is removed.
    pub after: Option<DnsRecord>,
}

/// A record in the way that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} has a record already that Plimsoll did not make: {kind} {content}")]
pub struct ForeignRecord {
    /// Its name.
    pub name: String,
    /// `A`, `AAAA`, `CNAME`.
    pub kind: String,
    /// Where it points.
    pub content: String,
}

/// What has to change so that `host` points at these IPv4 addresses, proxied, and nowhere else.
///
/// Records of other kinds (MX, TXT, …) stay. A record of somebody else is replaced only when
/// `replace` says where it points today, so that nobody replaces what they have not seen.
pub fn point_at(
    domain: DomainId,
    host: &HostName,
    addresses: &[String],
    existing: &[DnsRecord],
    replace: Option<&str>,
) -> Result<Vec<RecordChange>, ForeignRecord> {
    let comment = ownership_comment(domain);
    let routing = |record: &&DnsRecord| {
        record.name.eq_ignore_ascii_case(host.as_str())
            && matches!(record.kind.as_str(), "A" | "AAAA" | "CNAME")
    };
    let mut there: Vec<&DnsRecord> = existing.iter().filter(routing).collect();
    if let Some(foreign) = there
        .iter()
        .find(|record| record.comment != comment && replace != Some(record.content.as_str()))
    {
        return Err(ForeignRecord {
            name: foreign.name.clone(),
            kind: foreign.kind.clone(),
            content: foreign.content.clone(),
        });
    }
    let mut changes = Vec::new();
    let mut missing = Vec::new();
    for address in addresses {
        let wanted = DnsRecord {
            provider_ref: None,
            kind: "A".to_owned(),
            name: host.as_str().to_owned(),
            content: address.clone(),
            proxied: true,
            ttl: 1,
            comment: comment.clone(),
        };
        match there
            .iter()
            .position(|record| record.kind == "A" && record.content == *address)
        {
            Some(place) => {
                let found = there.swap_remove(place);
                let wanted = DnsRecord {
                    provider_ref: found.provider_ref.clone(),
                    ..wanted
                };
                if *found != wanted {
                    changes.push(RecordChange {
                        before: Some(found.clone()),
                        after: Some(wanted),
                    });
                }
            }
            None => missing.push(wanted),
        }
    }
    // An update in place leaves no moment without an answer; what cannot be updated goes first,
    // as a CNAME stands beside nothing (RFC 1034 §3.6.2).
    let (mut same_kind, others): (Vec<_>, Vec<_>) =
        there.into_iter().partition(|record| record.kind == "A");
    changes.extend(others.into_iter().map(|record| RecordChange {
        before: Some(record.clone()),
        after: None,
    }));
    for wanted in missing {
        let before = same_kind.pop();
        changes.push(RecordChange {
            before: before.cloned(),
            after: Some(DnsRecord {
                provider_ref: before.and_then(|record| record.provider_ref.clone()),
                ..wanted
            }),
        });
    }
    changes.extend(same_kind.into_iter().map(|record| RecordChange {
        before: Some(record.clone()),
        after: None,
    }));
    Ok(changes)
}

impl RecordChange {
    /// Before and after, for people.
    pub fn shown(&self) -> crate::plan::BeforeAfter {
        let line = |record: &DnsRecord| {
            let proxied = if record.proxied {
                "proxied"
            } else {
                "DNS only"
            };
            format!("{} {} ({proxied})", record.kind, record.content)
        };
        let name = self
            .after
            .as_ref()
            .or(self.before.as_ref())
            .map(|record| record.name.clone())
            .unwrap_or_default();
        crate::plan::BeforeAfter {
            subject: name,
            before: self.before.as_ref().map(line),
            after: self.after.as_ref().map(line),
        }
    }
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

    fn id() -> DomainId {
        DomainId::mint(Timestamp::from_millis(1), [1; 10])
    }

    fn record(kind: &str, content: &str, comment: &str) -> DnsRecord {
        DnsRecord {
            provider_ref: Some(format!("ref-{content}")),
            kind: kind.into(),
            name: "app.example.com".into(),
            content: content.into(),
            proxied: true,
            ttl: 1,
            comment: comment.into(),
        }
    }

    fn change(
        addresses: &[&str],
        existing: &[DnsRecord],
        replace: Option<&str>,
    ) -> Result<Vec<RecordChange>, ForeignRecord> {
        let host = HostName::parse("app.example.com").unwrap();
        let addresses: Vec<String> = addresses.iter().map(|a| (*a).to_owned()).collect();
        point_at(id(), &host, &addresses, existing, replace)
    }

    #[test]
    fn a_foreign_record_is_replaced_only_when_its_content_is_named() {
        let existing = [record("CNAME", "shop.other.com", "")];
        assert_eq!(
            change(&["1.2.3.4"], &existing, None).unwrap_err().content,
            "shop.other.com"
        );
        assert!(change(&["1.2.3.4"], &existing, Some("other.com")).is_err());
        let changes = change(&["1.2.3.4"], &existing, Some("shop.other.com")).unwrap();
        assert_eq!(changes.len(), 2);
        assert!(changes[0].after.is_none(), "the CNAME goes first");
        assert!(changes[1].before.is_none());
    }

    #[test]
    fn our_own_record_is_updated_in_place_and_a_right_one_left_alone() {
        let ours = ownership_comment(id());
        let existing = [record("A", "1.1.1.1", &ours)];
        let changes = change(&["2.2.2.2"], &existing, None).unwrap();
        assert_eq!(changes.len(), 1);
        assert_eq!(
            changes[0].after.as_ref().unwrap().provider_ref.as_deref(),
            Some("ref-1.1.1.1")
        );
        assert_eq!(change(&["1.1.1.1"], &existing, None).unwrap(), []);
    }

    #[test]
    fn records_of_other_kinds_are_left_alone() {
        let changes = change(&["1.1.1.1"], &[record("TXT", "v=spf1", "")], None).unwrap();
        assert_eq!(changes.len(), 1);
        assert!(changes[0].before.is_none());
    }

    #[test]
    fn the_longest_zone_answers() {
        let zones = ["example.com", "app.example.com", "com.example"];
        let host = HostName::parse("x.app.example.com").unwrap();
        assert_eq!(zone_of(&host, &zones, |z| z), Some(&"app.example.com"));
        let other = HostName::parse("example.org").unwrap();
        assert_eq!(zone_of(&other, &zones, |z| z), None);
    }

    mod any_zone {
        use super::*;
        use proptest::prelude::*;

        fn records() -> impl Strategy<Value = Vec<DnsRecord>> {
            let one = (
                prop::sample::select(vec!["A", "AAAA", "CNAME", "TXT"]),
                "[1-4]",
                any::<bool>(),
            );
            prop::collection::vec(one, 0..6).prop_map(|found| {
                let comment = |ours: bool| {
                    if ours {
                        ownership_comment(id())
                    } else {
                        String::new()
                    }
                };
                found
                    .into_iter()
                    .enumerate()
                    .map(|(place, (kind, content, ours))| DnsRecord {
                        provider_ref: Some(place.to_string()),
                        ..record(kind, &content, &comment(ours))
                    })
                    .collect()
            })
        }

        /// What a provider would have after these changes.
        fn apply(mut records: Vec<DnsRecord>, changes: &[RecordChange]) -> Vec<DnsRecord> {
            for change in changes {
                if let Some(before) = &change.before {
                    records.retain(|record| record.provider_ref != before.provider_ref);
                }
                records.extend(change.after.clone());
            }
            records
        }

        proptest! {
            #[test]
            fn afterwards_the_name_points_at_exactly_the_addresses(
                existing in records(), addresses in prop::collection::btree_set("[1-4]", 1..4)
            ) {
                let wanted: Vec<&str> = addresses.iter().map(String::as_str).collect();
                let foreign = existing.iter().any(|r| r.kind != "TXT" && r.comment.is_empty());
                match change(&wanted, &existing, None) {
                    Err(_) => prop_assert!(foreign),
                    Ok(changes) => {
                        prop_assert!(!foreign);
                        let after = apply(existing.clone(), &changes);
                        let routing = || after.iter().filter(|r| r.kind != "TXT");
                        prop_assert!(routing().all(|r| r.kind == "A"));
                        let mut routed: Vec<&str> = routing().map(|r| r.content.as_str()).collect();
                        routed.sort_unstable();
                        prop_assert_eq!(routed, wanted.clone());
                        let texts =
                            |all: &[DnsRecord]| all.iter().filter(|r| r.kind == "TXT").count();
                        prop_assert_eq!(texts(&after), texts(&existing));
                        prop_assert_eq!(change(&wanted, &after, None).unwrap(), []);
                    }
                }
            }
        }
    }
}
