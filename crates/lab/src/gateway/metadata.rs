//! The metadata service at 169.254.169.254: what a droplet asks about itself.
//!
//! A droplet is known by the address that it asks from. The document and its index of plain text
//! leaves are those of DigitalOcean's metadata API.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Published;
use crate::droplets::{Droplet, Pages};
use crate::network::{Block, mac_of};

const ROOT: &str = "/metadata/v1";

/// The service's routes; serve them with the peers' addresses.
pub(super) fn router(block: Block, published: watch::Receiver<Published>) -> Router {
    Router::new()
        .fallback(answer)
        .with_state(Asked { block, published })
}

#[derive(Clone)]
struct Asked {
    block: Block,
    published: watch::Receiver<Published>,
}

async fn answer(
    State(asked): State<Asked>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
) -> Response {
    let published: Published = Arc::clone(&asked.published.borrow());
    let IpAddr::V4(address) = peer.ip() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let droplet = published
        .droplets
        .values()
        .find(|droplet| droplet.public == address || droplet.private == address);
    let Some(droplet) = droplet else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let document = document(asked.block, droplet, &published);
    let path = uri.path();
    if path == "/metadata/v1.json" {
        return (
            [(header::CONTENT_TYPE, "application/json")],
            document.to_string(),
        )
            .into_response();
    }
    match path
        .strip_prefix(ROOT)
        .and_then(|path| Tree::of(&document).find(path))
    {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The whole document of one droplet.
fn document(block: Block, droplet: &Droplet, pages: &Pages) -> Value {
    let mac = mac_of(droplet.public);
    let netmask = block.netmask().to_string();
    let reserved = pages
        .reserved
        .iter()
        .find(|(_, target)| **target == Some(droplet.spec.id))
        .map(|(address, _)| address.to_string());
    let reserved = match reserved {
        Some(address) => json!({"ipv4": {"active": true, "ip_address": address}}),
        None => json!({"ipv4": {"active": false}}),
    };
    json!({
        "droplet_id": droplet.spec.id,
        "hostname": droplet.spec.name,
        "vendor_data": "",
        "user_data": droplet.spec.user_data,
        "public_keys": droplet.spec.public_keys,
        "auth_key": "",
        "region": droplet.spec.region,
        "interfaces": {
            "public": [{
                "ipv4": {
                    "ip_address": droplet.public,
                    "netmask": netmask,
                    "gateway": block.bridge(),
                },
                "mac": mac,
                "type": "public",
            }],
            "private": [{
                "ipv4": {
                    "ip_address": droplet.private,
                    "netmask": netmask,
                    "gateway": "0.0.0.0",
                },
                "mac": mac,
                "type": "private",
            }],
        },
        "floating_ip": reserved,
        "reserved_ip": reserved,
        "dns": {"nameservers": [block.gateway()]},
        "features": {"dhcp_enabled": false},
        "tags": droplet.spec.tags,
    })
}

/// The document as folders of plain text, as the index form of the API shows it.
#[derive(Debug, PartialEq, Eq)]
enum Tree {
    Leaf(String),
    Folder(BTreeMap<String, Tree>),
}

impl Tree {
    fn of(value: &Value) -> Self {
        match value {
            // Keys and tags are lists of text: one leaf with a line each. Interfaces are not.
            Value::Array(items) if items.iter().all(Value::is_string) => Self::Leaf(
                items
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
            Value::Array(items) => Self::Folder(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| (index.to_string(), Self::of(item)))
                    .collect(),
            ),
            Value::Object(members) => Self::Folder(
                members
                    .iter()
                    .map(|(key, member)| (leaf_name(key), Self::of(member)))
                    .collect(),
            ),
            Value::String(text) => Self::Leaf(text.clone()),
            other => Self::Leaf(other.to_string()),
        }
    }

    fn find(&self, path: &str) -> Option<String> {
        let mut tree = self;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            tree = match tree {
                Self::Folder(members) => members.get(part)?,
                Self::Leaf(_) => return None,
            };
        }
        Some(match tree {
            Self::Leaf(text) => text.clone(),
            Self::Folder(members) => members
                .iter()
                .map(|(name, member)| match member {
                    Self::Leaf(_) => name.clone(),
                    Self::Folder(_) => format!("{name}/"),
                })
                .collect::<Vec<_>>()
                .join("\n"),
        })
    }
}

/// The index form writes dashes where the document has underscores, and calls the droplet's
/// number `id`; addresses of interfaces keep the last part of their name.
fn leaf_name(key: &str) -> String {
    match key {
        "droplet_id" => "id".to_owned(),
        "ip_address" => "address".to_owned(),
        "user_data" | "vendor_data" | "public_keys" | "auth_key" => key.replace('_', "-"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::{Boot, DropletSpec};
    use std::net::Ipv4Addr;

    fn example() -> Value {
        let droplet = Droplet {
            spec: DropletSpec {
                id: 42,
                name: "web-1".into(),
                region: "ams3".into(),
                vcpus: 1,
                memory_mib: 1024,
                boot: Boot::Stock {
                    slug: "debian-12-x64".into(),
                },
                public_keys: vec!["ssh-ed25519 A".into(), "ssh-ed25519 B".into()],
                user_data: "#cloud-config\n".into(),
                tags: vec!["deployed-via-api".into()],
            },
            public: Ipv4Addr::new(10, 231, 32, 10),
            private: Ipv4Addr::new(10, 231, 48, 10),
            wanted_on: true,
            inbound: None,
            cut: false,
            delay_ms: 0,
        };
        let mut pages = Pages::default();
        pages
            .reserved
            .insert(Ipv4Addr::new(10, 231, 47, 1), Some(42));
        document(Block::new(231), &droplet, &pages)
    }

    #[test]
    fn the_document_carries_the_interfaces_own_hardware_address() {
        let document = example();
        let public = &document["interfaces"]["public"][0];
        assert_eq!(public["mac"], "02:42:0a:e7:20:0a");
        assert_eq!(public["ipv4"]["ip_address"], "10.231.32.10");
        assert_eq!(public["ipv4"]["gateway"], "10.231.32.1");
        assert_eq!(document["reserved_ip"]["ipv4"]["ip_address"], "10.231.47.1");
    }

    #[test]
    fn leaves_are_plain_text_and_folders_are_listed() {
        let document = example();
        let tree = Tree::of(&document);
        let find = |path: &str| tree.find(path).unwrap_or_else(|| panic!("{path} is there"));
        assert_eq!(find("/id"), "42");
        assert_eq!(find("/hostname"), "web-1");
        assert_eq!(find("/user-data"), "#cloud-config\n");
        assert_eq!(find("/public-keys"), "ssh-ed25519 A\nssh-ed25519 B");
        assert_eq!(find("/interfaces/public/0/ipv4/address"), "10.231.32.10");
        assert_eq!(find("/interfaces/"), "private/\npublic/");
        assert!(find("/").contains("interfaces/"));
        assert_eq!(tree.find("/no/such"), None);
    }
}
