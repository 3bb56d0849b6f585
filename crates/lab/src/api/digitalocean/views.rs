//! Droplets, images and actions as the API shows them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::books::{Action, ActionStatus, Droplet, DropletStatus, Image, ReservedIp};
use super::catalogue::{Region, Size, Stock};
use crate::api::books::Books;
use crate::api::state::Delays;
use crate::api::time::{later, seconds};
use crate::ground::{Addresses, Boot};

/// The moment of a view: what time has made visible.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) delays: Delays,
}

/// Whether an action is under way on the droplet.
pub(super) fn is_busy(books: &Books, droplet_id: u64) -> bool {
    books.actions.values().any(|action| {
        action.status == ActionStatus::InProgress && action.droplet() == Some(droplet_id)
    })
}

pub(super) fn region(slug: &str) -> Value {
    Region::find(slug).map_or(Value::Null, Region::view)
}

pub(super) fn droplet(books: &Books, droplet: &Droplet, moment: Moment) -> Value {
    let size = Size::find(&droplet.size);
    let snapshots: Vec<u64> = books
        .images
        .values()
        .filter(|image| image.droplet_id == droplet.id && image.available)
        .map(|image| image.id)
        .collect();
    let reserved = books
        .reserved_ips
        .values()
        .find(|ip| ip.droplet_id == Some(droplet.id));
    json!({
        "id": droplet.id,
        "name": droplet.name,
        "memory": size.map_or(0, |size| size.memory),
        "vcpus": size.map_or(0, |size| size.vcpus),
        "disk": size.map_or(0, |size| size.disk),
        "disk_info": [
            {"type": "local", "size": {"amount": size.map_or(0, |size| size.disk), "unit": "gib"}},
        ],
        "locked": is_busy(books, droplet.id),
        "status": droplet.status,
        "kernel": null,
        "created_at": seconds(droplet.created_at),
        "features": droplet.features,
        "backup_ids": [],
        "next_backup_window": null,
        "snapshot_ids": snapshots,
        "image": booted_from(books, &droplet.boot),
        "volume_ids": [],
        "size": size.map_or(Value::Null, Size::view),
        "size_slug": droplet.size,
        "networks": {"v4": networks(droplet, reserved, moment), "v6": []},
        "region": region(&droplet.region),
        "tags": droplet.tags,
        "vpc_uuid": droplet.vpc_uuid,
    })
}

/// The addresses that are visible by now: none at first, then the private one, then the public.
fn networks(droplet: &Droplet, reserved: Option<&ReservedIp>, moment: Moment) -> Vec<Value> {
    let (Some(addresses), Some(active_at)) = (&droplet.addresses, droplet.active_at) else {
        return Vec::new();
    };
    if droplet.status == DropletStatus::New {
        return Vec::new();
    }
    let Addresses {
        public_ipv4,
        private_ipv4,
        gateway,
        netmask,
    } = addresses;
    let public = json!({
        "ip_address": public_ipv4, "netmask": netmask, "gateway": gateway, "type": "public",
    });
    let private = json!({
        "ip_address": private_ipv4, "netmask": "255.255.0.0", "gateway": "", "type": "private",
    });
    let mut shown = Vec::new();
    if later(active_at, moment.delays.private_address_ms) <= moment.now {
        shown.push(private);
    }
    if later(active_at, moment.delays.public_address_ms) <= moment.now {
        shown.push(public);
        if let Some(reserved) = reserved {
            shown.push(json!({
                "ip_address": reserved.ip, "netmask": netmask, "gateway": gateway, "type": "public",
            }));
        }
    }
    shown
}

fn booted_from(books: &Books, boot: &Boot) -> Value {
    match boot {
        Boot::Stock { slug } => Stock::find(slug).map_or(Value::Null, Stock::view),
        Boot::Snapshot { snapshot_id } => match books.images.get(snapshot_id) {
            Some(snapshot) => image(snapshot),
            // A droplet outlives the snapshot it came from.
            None => json!({"id": snapshot_id, "name": "", "type": "snapshot", "slug": null,
                "distribution": "Debian", "public": false, "regions": [], "tags": [],
                "status": "deleted"}),
        },
    }
}

/// Gigabytes with two decimals, never 0: that is how sizes of snapshots are told.
fn gigabytes(bytes: u64) -> f64 {
    let exact = bytes as f64 / 1e9;
    ((exact * 100.0).round() / 100.0).max(0.01)
}

pub(super) fn image(image: &Image) -> Value {
    json!({
        "id": image.id,
        "name": image.name,
        "distribution": "Debian",
        "slug": null,
        "public": false,
        "regions": image.regions,
        "created_at": seconds(image.created_at),
        "type": "snapshot",
        "min_disk_size": image.min_disk_gb,
        "size_gigabytes": gigabytes(image.size_bytes),
        "description": "",
        "tags": image.tags,
        "status": if image.available { "available" } else { "pending" },
    })
}

/// The same image in the vocabulary of `/v2/snapshots`, where identifiers are text.
pub(super) fn snapshot(image: &Image) -> Value {
    json!({
        "id": image.id.to_string(),
        "name": image.name,
        "created_at": seconds(image.created_at),
        "regions": image.regions,
        "resource_id": image.droplet_id.to_string(),
        "resource_type": "droplet",
        "min_disk_size": image.min_disk_gb,
        "size_gigabytes": gigabytes(image.size_bytes),
        "tags": image.tags,
    })
}

pub(super) fn action(action: &Action) -> Value {
    json!({
        "id": action.id,
        "status": action.status.as_str(),
        "type": action.work.kind(),
        "started_at": seconds(action.started_at),
        "completed_at": action.completed_at.map(seconds),
        "resource_id": action.resource_id,
        "resource_type": action.resource_type,
        "region": region(&action.region),
        "region_slug": action.region,
    })
}

pub(super) fn reserved_ip(books: &Books, ip: &ReservedIp, moment: Moment) -> Value {
    let assigned = ip.droplet_id.and_then(|id| books.droplets.get(&id));
    let project = books
        .digitalocean_accounts
        .get(&ip.account)
        .map(|account| &account.project_id);
    let busy = books.actions.values().any(|action| {
        action.status == ActionStatus::InProgress && action.work.reserved_ip() == Some(&ip.ip)
    });
    json!({
        "ip": ip.ip,
        "droplet": assigned.map(|assigned| droplet(books, assigned, moment)),
        "region": region(&ip.region),
        "locked": busy,
        "project_id": project,
    })
}
