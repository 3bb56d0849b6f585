//! The books of both clouds: everything that survives a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cloudflare::books::{CloudflareAccount, OriginCertificate, Record, Zone};
use super::digitalocean::books::{
    Action, DigitalOceanAccount, Droplet, Firewall, Image, ReservedIp, SshKey, Tag,
};
use super::token::{Cloud, Token};

/// Every record of both clouds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Books {
    /// The last number given to a droplet, action, key or image.
    pub(crate) last_number: u64,
    pub(crate) tokens: Vec<Token>,

    pub(crate) digitalocean_accounts: BTreeMap<String, DigitalOceanAccount>,
    pub(crate) ssh_keys: BTreeMap<u64, SshKey>,
    pub(crate) droplets: BTreeMap<u64, Droplet>,
    pub(crate) actions: BTreeMap<u64, Action>,
    /// Snapshots; stock images are in the catalogue.
    pub(crate) images: BTreeMap<u64, Image>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) firewalls: BTreeMap<String, Firewall>,
    pub(crate) reserved_ips: BTreeMap<String, ReservedIp>,
    /// Droplets that the API no longer shows and whose containers are still to be removed.
    pub(crate) doomed_droplets: Vec<u64>,
    /// Snapshots that the API no longer shows and whose files are still to be removed.
    pub(crate) doomed_snapshots: Vec<u64>,

    pub(crate) cloudflare_accounts: BTreeMap<String, CloudflareAccount>,
    pub(crate) zones: BTreeMap<String, Zone>,
    pub(crate) records: BTreeMap<String, Record>,
    pub(crate) origin_certificates: BTreeMap<String, OriginCertificate>,
}

impl Books {
    /// The next number for a droplet, action, key or image.
    pub(crate) fn number(&mut self) -> u64 {
        // Real identifiers no longer fit into 28 bits; a client that assumes less should fail here.
        self.last_number = self.last_number.max(412_000_000) + 1;
        self.last_number
    }

    /// The token with this secret, expired or not.
    pub(crate) fn token(&self, cloud: Cloud, secret: &str) -> Option<&Token> {
        let hash = Token::hash_of(secret);
        self.tokens
            .iter()
            .find(|token| token.cloud == cloud && token.hash == hash)
    }
}
