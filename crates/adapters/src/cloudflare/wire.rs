//! Cloudflare's answers, as far as we read them.

use plimsoll_domain::{Timestamp, dns::DnsRecord};
use plimsoll_engine::ports;
use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize)]
pub(super) struct Zone {
    id: String,
    name: String,
    #[serde(default)]
    status: Option<String>,
}

impl From<Zone> for ports::Zone {
    fn from(zone: Zone) -> Self {
        Self {
            id: zone.id,
            name: zone.name,
            status: zone.status.unwrap_or_default(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Record {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    proxied: bool,
    ttl: u32,
    #[serde(default)]
    comment: Option<String>,
}

impl From<Record> for DnsRecord {
    fn from(record: Record) -> Self {
        Self {
            provider_ref: Some(record.id),
            kind: record.kind,
            name: record.name,
            content: record.content,
            proxied: record.proxied,
            ttl: record.ttl,
            comment: record.comment.unwrap_or_default(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Certificate {
    pub(super) id: String,
    pub(super) certificate: String,
    #[serde(default)]
    pub(super) csr: String,
    #[serde(default)]
    pub(super) hostnames: Vec<String>,
    #[serde(deserialize_with = "moment")]
    pub(super) expires_on: Timestamp,
    #[serde(default)]
    pub(super) revoked_at: Option<String>,
}

/// RFC 3339, or what the Origin CA writes: `2039-11-18 09:00:00 +0000 UTC`.
pub(super) fn parse_moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let mut parts = text.split(' ');
    let (date, time, offset) = (parts.next()?, parts.next()?, parts.next()?);
    let (hours, minutes) = offset.split_at_checked(3)?;
    format!("{date}T{time}{hours}:{minutes}").parse().ok()
}

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    parse_moment(&text).ok_or_else(|| serde::de::Error::custom(format!("“{text}” is no moment")))
}

#[derive(Debug, Deserialize)]
pub(super) struct TokenStatus {
    pub(super) status: String,
    #[serde(default)]
    pub(super) expires_on: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_cas_own_way_of_writing_moments_is_read() {
        let expected: Timestamp = "2039-11-18T09:00:00Z".parse().unwrap();
        for text in [
            "2039-11-18T09:00:00Z",
            "2039-11-18 09:00:00 +0000 UTC",
            "2039-11-18 10:00:00 +0100 CET",
        ] {
            assert_eq!(parse_moment(text), Some(expected), "{text}");
        }
        assert_eq!(parse_moment("soon"), None);
    }
}
