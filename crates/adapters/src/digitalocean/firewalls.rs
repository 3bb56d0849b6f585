//! Firewalls, one of a name.

use super::{create_tag, errors, list, wire};
use crate::http::{Answer, Call, Session};
use plimsoll_engine::ports::{Firewall, PortResult};
use serde_json::{Value, json};

/// All firewalls.
pub(super) async fn all(session: &Session) -> PortResult<Vec<Firewall>> {
    let call =
        Call::get("list the firewalls at DigitalOcean", &["firewalls"]).needs(&["firewall:read"]);
    let found: Vec<wire::Firewall> = list::all(session, call, "firewalls").await?;
    Ok(found.into_iter().map(Into::into).collect())
}

async fn named(session: &Session, name: &str) -> PortResult<Option<Firewall>> {
    Ok(all(session)
        .await?
        .into_iter()
        .find(|firewall| firewall.name == name))
}

/// Creates or replaces the firewall of that name.
pub(super) async fn put(session: &Session, wanted: &Firewall) -> PortResult<Firewall> {
    let name = &wanted.name;
    // A firewall can only name tags that exist.
    for tag in &wanted.tags {
        create_tag(session, tag).await?;
    }
    let existing = named(session, name).await?.and_then(|firewall| firewall.id);
    if let Some(id) = existing {
        let call = Call::put(
            format!("replace the firewall {name}"),
            &["firewalls", &id],
            body(wanted),
        )
        .needs(&["firewall:update"]);
        let answer = session.must(&call).await?;
        return session
            .read::<wire::Firewall>(&call, &answer, "firewall")
            .map(Into::into);
    }
    let call = Call::post(
        format!("create the firewall {name}"),
        &["firewalls"],
        body(wanted),
    )
    .needs(&["firewall:create"]);
    let read = |answer: &Answer| {
        session
            .read::<wire::Firewall>(&call, answer, "firewall")
            .map(Into::into)
    };
    session
        .create(&call, read, || named(session, name))
        .await?
        .map_err(|answer| errors::refusal(session, &call, &answer))
}

fn body(wanted: &Firewall) -> Value {
    let everybody = json!({"addresses": ["0.0.0.0/0", "::/0"]});
    let inbound: Vec<Value> = wanted
        .open_tcp_ports
        .iter()
        .map(|port| json!({"protocol": "tcp", "ports": port.to_string(), "sources": everybody}))
        .collect();
    // “0” is every port. Without outbound rules a droplet could not fetch packages or images.
    let outbound: Vec<Value> = ["tcp", "udp", "icmp"]
        .iter()
        .map(|protocol| json!({"protocol": protocol, "ports": "0", "destinations": everybody}))
        .collect();
    json!({
        "name": wanted.name,
        "inbound_rules": inbound,
        "outbound_rules": outbound,
        "droplet_ids": wanted.droplet_ids,
        "tags": wanted.tags,
    })
}
