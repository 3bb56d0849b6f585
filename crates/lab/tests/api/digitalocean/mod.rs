//! How DigitalOcean behaves beyond the shapes of its answers.

mod actions;
mod droplets;
mod limits;
mod lists;
mod reserved_ips;
mod snapshots;
mod tokens;

use serde_json::{Value, json};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl laptop";

fn droplet(name: &str) -> Value {
    json!({"name": name, "region": "fra1", "size": "s-1vcpu-1gb", "image": "debian-12-x64"})
}
