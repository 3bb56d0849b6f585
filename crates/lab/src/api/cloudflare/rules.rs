//! What a DNS record may be, and the codes that say what it may not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::answer::CloudflareError;
use super::books::{Record, Zone};
use crate::api::books::Books;

/// Characters of a comment.
const COMMENT_LIMIT: usize = 100;
const KINDS: &[&str] = &[
    "A", "AAAA", "CAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SRV", "SVCB", "TXT",
];

/// A record as a request describes it; absent fields keep what was there.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    content: Option<String>,
    data: Option<Value>,
    /// The official SDK's numbers are floats.
    priority: Option<f64>,
    ttl: Option<f64>,
    proxied: Option<bool>,
    /// `Some(None)` is an explicit `null`, which removes the comment.
    #[serde(default, deserialize_with = "present")]
    comment: Option<Option<String>>,
    tags: Option<Vec<String>>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(from).map(Some)
}

/// What a record consists of, checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) content: String,
    pub(super) data: Option<Value>,
    pub(super) priority: Option<u16>,
    pub(super) ttl: u32,
    pub(super) proxied: bool,
    pub(super) comment: Option<String>,
    pub(super) tags: Vec<String>,
}

impl Draft {
    pub(super) fn of(record: &Record) -> Self {
        Self {
            name: record.name.clone(),
            kind: record.kind.clone(),
            content: record.content.clone(),
            data: record.data.clone(),
            priority: record.priority,
            ttl: record.ttl,
            proxied: record.proxied,
            comment: record.comment.clone(),
            tags: record.tags.clone(),
        }
    }

    /// A record of a zone that consists of it.
    pub(super) fn record(
        self,
        id: String,
        zone: String,
        created_at: Timestamp,
        modified_at: Timestamp,
    ) -> Record {
        Record {
            id,
            zone,
            name: self.name,
            kind: self.kind,
            content: self.content,
            data: self.data,
            priority: self.priority,
            ttl: self.ttl,
            proxied: self.proxied,
            comment: self.comment,
            tags: self.tags,
            created_at,
            modified_at,
        }
    }
}

/// Whether traffic to this type of record can pass through the edge.
pub(super) fn proxiable(kind: &str) -> bool {
    matches!(kind, "A" | "AAAA" | "CNAME")
}

/// An error found before a record is looked at by type: Cloudflare puts those below 1004.
fn malformed(code: u32, message: &str) -> CloudflareError {
    CloudflareError::bad(1_004, "DNS Validation Error").caused_by(code, message)
}

/// The record that results when a wish meets what was there.
pub(super) fn draft(
    zone: &Zone,
    before: Option<Draft>,
    wish: Wish,
) -> Result<Draft, CloudflareError> {
    let kind = wish.kind.or(before.as_ref().map(|held| held.kind.clone()));
    let kind = kind.ok_or_else(|| malformed(9_001, "DNS record type is required."))?;
    if !KINDS.contains(&kind.as_str()) {
        return Err(malformed(9_001, "DNS record type is invalid."));
    }
    let name = match wish.name {
        Some(name) => {
            qualified(&name, &zone.name).ok_or_else(|| malformed(9_000, "DNS name is invalid."))?
        }
        None => before
            .as_ref()
            .map(|held| held.name.clone())
            .ok_or_else(|| malformed(9_000, "DNS name is required."))?,
    };
    let data = wish.data.or_else(|| {
        // New content without new data makes the old data wrong.
        before
            .as_ref()
            .filter(|_| wish.content.is_none())
            .and_then(|held| held.data.clone())
    });
    let from_data = data
        .as_ref()
        .map(|data| content_of(&kind, data))
        .transpose()?;
    let (composed, composed_priority) = from_data.flatten().unzip();
    let content = composed
        .or(wish.content)
        .or(before.as_ref().map(|held| held.content.clone()));
    let content = content.ok_or_else(|| malformed(9_007, "Content is required."))?;
    let priority = match kind.as_str() {
        "MX" => {
            let held = before.as_ref().and_then(|held| held.priority);
            let priority = wish.priority.map_or(held, short);
            let message = "DNS record priority must be a number from 0 to 65535.";
            Some(priority.ok_or_else(|| malformed(9_100, message))?)
        }
        "SRV" => composed_priority.flatten(),
        _ => None,
    };
    let content = checked_content(&kind, content.trim())?;
    let proxied = wish
        .proxied
        .unwrap_or(before.as_ref().is_some_and(|held| held.proxied));
    if proxied {
        check_proxied(&kind, &content)?;
    }
    let ttl = match wish.ttl {
        Some(ttl) => checked_ttl(ttl)?,
        None => before.as_ref().map_or(1, |held| held.ttl),
    };
    let comment = match wish.comment {
        Some(comment) => comment.filter(|comment| !comment.is_empty()),
        None => before.as_ref().and_then(|held| held.comment.clone()),
    };
    if comment
        .as_ref()
        .is_some_and(|comment| comment.chars().count() > COMMENT_LIMIT)
    {
        let message = "DNS record comment must be at most 100 characters.";
        return Err(CloudflareError::bad(9_313, message));
    }
    let tags = wish
        .tags
        .or(before.map(|held| held.tags))
        .unwrap_or_default();
    if !tags.iter().all(|tag| is_tag(tag)) {
        return Err(CloudflareError::bad(9_301, "DNS record tag is invalid."));
    }
    // What passes through the edge has the edge's own time to live.
    let ttl = if proxied { 1 } else { ttl };
    Ok(Draft {
        name,
        kind,
        content,
        data,
        priority,
        ttl,
        proxied,
        comment,
        tags,
    })
}

/// `name:value` of letters, digits, `-` and `_`; the value may be more.
fn is_tag(tag: &str) -> bool {
    let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= 32 && name.chars().all(allowed) && value.len() <= 100
}

/// The full name: `@` is the zone, a name outside the zone is taken as relative to it.
fn qualified(name: &str, zone: &str) -> Option<String> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let full = if name == "@" || name == zone {
        zone.to_owned()
    } else if name
        .strip_suffix(zone)
        .is_some_and(|rest| rest.ends_with('.'))
    {
        name
    } else {
        format!("{name}.{zone}")
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |(index, label): (usize, &str)| {
        let star = index == 0 && label == "*";
        let plain = !label.is_empty() && label.len() <= 63 && label.bytes().all(allowed);
        star || (plain && !label.starts_with('-') && !label.ends_with('-'))
    };
    (full.len() <= 253 && full.split('.').enumerate().all(label)).then_some(full)
}

/// Content, and the priority beside it, composed from a record's `data`.
fn content_of(kind: &str, data: &Value) -> Result<Option<(String, Option<u16>)>, CloudflareError> {
    let missing = || malformed(9_101, "DNS record data is incomplete.");
    let number = |field: &str| data[field].as_f64().and_then(short).ok_or_else(missing);
    let text = |field: &str| data[field].as_str().ok_or_else(missing);
    Ok(match kind {
        "SRV" => {
            let (weight, port) = (number("weight")?, number("port")?);
            let priority = number("priority")?;
            Some((
                format!("{weight} {port} {}", text("target")?),
                Some(priority),
            ))
        }
        "CAA" => {
            let (flags, tag, value) = (number("flags")?, text("tag")?, text("value")?);
            Some((format!("{flags} {tag} {}", json!(value)), None))
        }
        "HTTPS" | "SVCB" => {
            let (priority, target) = (number("priority")?, text("target")?);
            let value = data["value"].as_str().unwrap_or_default();
            Some((
                format!("{priority} {target} {value}").trim_end().to_owned(),
                None,
            ))
        }
        _ => None,
    })
}

fn checked_content(kind: &str, content: &str) -> Result<String, CloudflareError> {
    let bad_address = |message: &str| CloudflareError::bad(9_005, message.to_owned());
    match kind {
        "A" => {
            let message = "Content for A record must be a valid IPv4 address.";
            let address: Ipv4Addr = content.parse().map_err(|_| bad_address(message))?;
            Ok(address.to_string())
        }
        "AAAA" => {
            let message = "Content for AAAA record must be a valid IPv6 address.";
            let address: Ipv6Addr = content.parse().map_err(|_| bad_address(message))?;
            Ok(address.to_string())
        }
        "CNAME" | "MX" | "NS" | "PTR" => {
            let host = content.trim_end_matches('.').to_ascii_lowercase();
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let is_host = !host.is_empty()
                && host.len() <= 253
                && host.chars().all(allowed)
                && host
                    .split('.')
                    .all(|label| !label.is_empty() && label.len() <= 63)
                && host.parse::<IpAddr>().is_err();
            if is_host {
                Ok(host)
            } else {
                let message = format!("Content for {kind} record is invalid.");
                Err(CloudflareError::bad(9_007, message))
            }
        }
        _ if content.is_empty() => Err(malformed(9_007, "Content is required.")),
        _ => Ok(content.to_owned()),
    }
}

fn check_proxied(kind: &str, content: &str) -> Result<(), CloudflareError> {
    if !proxiable(kind) {
        return Err(CloudflareError::bad(
            9_004,
            "This record type cannot be proxied.",
        ));
    }
    let unreachable = match content.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || ip.is_link_local()
        }
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unspecified() || ip.is_multicast(),
        Err(_) => false,
    };
    // The real one refuses private addresses too; the practice cloud's public ones are private.
    if unreachable {
        let message = format!("Target {content} is not allowed for a proxied record.");
        return Err(CloudflareError::bad(9_003, message));
    }
    Ok(())
}

fn checked_ttl(ttl: f64) -> Result<u32, CloudflareError> {
    whole(ttl)
        .filter(|ttl| *ttl == 1 || (60..=86_400).contains(ttl))
        .ok_or_else(|| {
            let message = "TTL must be between 60 and 86400 seconds, or 1 for Automatic.";
            CloudflareError::bad(9_021, message)
        })
}

/// The whole number that a JSON number is, if it is one.
fn whole(number: f64) -> Option<u32> {
    // The cast saturates and cuts, so only whole numbers in range survive it unchanged.
    let cast = number as u32;
    (f64::from(cast).to_bits() == number.to_bits()).then_some(cast)
}

fn short(number: f64) -> Option<u16> {
    whole(number).and_then(|number| u16::try_from(number).ok())
}

/// Whether the draft can stand beside the zone's other records. `own` is the record it replaces.
pub(super) fn check_neighbours(
    books: &Books,
    zone: &Zone,
    draft: &Draft,
    own: Option<&str>,
) -> Result<(), CloudflareError> {
    let beside = || {
        books.records.values().filter(|record| {
            record.zone == zone.id && record.name == draft.name && Some(record.id.as_str()) != own
        })
    };
    let refuse = |code: u32, message: &str| {
        Err(CloudflareError::new(StatusCode::BAD_REQUEST, code, message))
    };
    let same = |record: &Record| {
        record.kind == draft.kind
            && record.content == draft.content
            && record.priority == draft.priority
    };
    if beside().any(same) {
        return match own {
            None => refuse(81_058, "An identical record already exists."),
            Some(_) => refuse(81_057, "The record already exists."),
        };
    }
    let addresses = |record: &Record| proxiable(&record.kind);
    if draft.kind == "CNAME" && beside().any(addresses) {
        let message = "An A, AAAA, or CNAME record with that host already exists.";
        return refuse(81_053, message);
    }
    if proxiable(&draft.kind) && beside().any(|record| record.kind == "CNAME") {
        return refuse(81_054, "A CNAME record with that host already exists.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_with_the_zone() {
        let full = |name: &str| qualified(name, "plimsoll.test");
        assert_eq!(full("@").as_deref(), Some("plimsoll.test"));
        assert_eq!(full("plimsoll.test").as_deref(), Some("plimsoll.test"));
        assert_eq!(full("WWW").as_deref(), Some("www.plimsoll.test"));
        assert_eq!(
            full("a.b.plimsoll.test.").as_deref(),
            Some("a.b.plimsoll.test")
        );
        assert_eq!(full("*.apps").as_deref(), Some("*.apps.plimsoll.test"));
        assert_eq!(
            full("_acme-challenge").as_deref(),
            Some("_acme-challenge.plimsoll.test")
        );
        assert_eq!(
            full("notplimsoll.test").as_deref(),
            Some("notplimsoll.test.plimsoll.test")
        );
        for bad in ["", "a b", "a..b", "-a", "a.*.b", "ä", &"x".repeat(64)] {
            assert_eq!(full(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_ttl_is_automatic_or_between_a_minute_and_a_day() {
        for good in [1.0, 60.0, 300.0, 86_400.0] {
            assert!(checked_ttl(good).is_ok(), "{good}");
        }
        for bad in [0.0, 2.0, 59.0, 60.5, 86_401.0, -1.0, f64::NAN] {
            assert!(checked_ttl(bad).is_err(), "{bad}");
        }
    }
}
