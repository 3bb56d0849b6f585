//! Cloudflare's records.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ground::SslMode;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CloudflareAccount {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Zone {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) name: String,
    /// `active` or `pending`.
    pub(crate) status: String,
    pub(crate) created_at: Timestamp,
    /// Settings that were changed from their default: value and moment.
    pub(crate) settings: BTreeMap<String, (Value, Timestamp)>,
}

impl Zone {
    pub(crate) fn ssl(&self) -> SslMode {
        match self
            .settings
            .get("ssl")
            .and_then(|(value, _)| value.as_str())
        {
            Some("off") => SslMode::Off,
            Some("flexible") => SslMode::Flexible,
            Some("strict") => SslMode::Strict,
            _ => SslMode::Full,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) zone: String,
    /// Fully qualified, lower case.
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) content: String,
    pub(crate) data: Option<Value>,
    pub(crate) priority: Option<u16>,
    /// Seconds; 1 is automatic.
    pub(crate) ttl: u32,
    pub(crate) proxied: bool,
    pub(crate) comment: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) modified_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OriginCertificate {
    /// The serial number, decimal.
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) hostnames: Vec<String>,
    pub(crate) request_type: String,
    pub(crate) requested_validity: u64,
    pub(crate) csr: String,
    pub(crate) certificate: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
}
