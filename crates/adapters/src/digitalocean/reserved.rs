//! Reserved addresses.

use super::{actions, errors, list, wire};
use crate::http::{Answer, Call, Refused, Session};
use plimsoll_engine::ports::{PortResult, ReservedIp};
use serde_json::json;
use std::collections::HashSet;

/// All reserved addresses.
pub(super) async fn all(session: &Session) -> PortResult<Vec<ReservedIp>> {
    let call =
        Call::get("list the reserved addresses", &["reserved_ips"]).needs(&["reserved_ip:read"]);
    let found: Vec<wire::Reserved> = list::all(session, call, "reserved_ips").await?;
    Ok(found.into_iter().map(Into::into).collect())
}

/// Reserves an address for a droplet. It has no name of ours, so after a cut the one that was not
/// there before and points at the droplet is the one. While it does not point there yet the droplet
/// is busy, and the provider gives a busy droplet no second one.
pub(super) async fn reserve(session: &Session, droplet_id: u64) -> PortResult<ReservedIp> {
    let before: HashSet<String> = all(session).await?.into_iter().map(|ip| ip.ip).collect();
    let call = Call::post(
        format!("reserve an address for droplet {droplet_id}"),
        &["reserved_ips"],
        json!({"droplet_id": droplet_id}),
    )
    .needs(&["reserved_ip:create"]);
    let read = |answer: &Answer| {
        session
            .read::<wire::Reserved>(&call, answer, "reserved_ip")
            .map(ReservedIp::from)
    };
    let find = || async {
        let ours = |ip: &ReservedIp| ip.droplet_id == Some(droplet_id) && !before.contains(&ip.ip);
        Ok(all(session).await?.into_iter().find(ours))
    };
    let mut patience = actions::Patience::new(session);
    loop {
        let refusal = match session.create(&call, read, find).await? {
            Ok(ip) => return Ok(ip),
            Err(answer) => answer,
        };
        // What was cut off may have done it, or be about to: then its repetition is refused.
        if let Some(ours) = find().await? {
            return Ok(ours);
        }
        if !(errors::is_pending_event(&refusal) && patience.is_left()) {
            return Err(errors::refusal(session, &call, &refusal));
        }
        patience.pause().await;
    }
}

/// Points an address at a droplet, or at none, and waits until it does.
pub(super) async fn assign(session: &Session, ip: &str, droplet_id: Option<u64>) -> PortResult<()> {
    let (doing, body) = match droplet_id {
        Some(id) => (
            format!("point the address {ip} at droplet {id}"),
            json!({"type": "assign", "droplet_id": id}),
        ),
        None => (
            format!("take the address {ip} off its droplet"),
            json!({"type": "unassign"}),
        ),
    };
    // Assigning twice is assigning once, so a POST whose fate is unknown may simply be repeated.
    let call = Call::post(doing, &["reserved_ips", ip, "actions"], body)
        .repeatable()
        .needs(&["reserved_ip:update"]);
    let mut patience = actions::Patience::new(session);
    loop {
        if points_at(session, ip, droplet_id).await? {
            return Ok(());
        }
        let refused = match session.ask(&call).await {
            Ok(answer) => {
                let action = session.read(&call, &answer, "action")?;
                let path = ["reserved_ips", ip, "actions"];
                return actions::follow(session, &call.doing, &path, action, actions::POWER_MS)
                    .await;
            }
            Err(refused) => refused,
        };
        match &refused {
            Refused::Answer(answer) if errors::is_pending_event(answer) && patience.is_left() => {
                patience.pause().await;
            }
            // The request that was cut off has done it in the meantime, so its repetition is
            // refused: an address cannot be given twice.
            Refused::Answer(_) if points_at(session, ip, droplet_id).await? => return Ok(()),
            _ => return Err(session.failure(&call, &refused)),
        }
    }
}

/// Whether an address points at this droplet, or at none.
async fn points_at(session: &Session, ip: &str, droplet_id: Option<u64>) -> PortResult<bool> {
    let call = Call::get(format!("look up the address {ip}"), &["reserved_ips", ip])
        .needs(&["reserved_ip:read"]);
    let answer = session.must(&call).await?;
    let now: ReservedIp = session
        .read::<wire::Reserved>(&call, &answer, "reserved_ip")?
        .into();
    Ok(now.droplet_id == droplet_id)
}
