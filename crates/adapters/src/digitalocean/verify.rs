//! Whose token it is, and what it lacks.

use super::{SERVICE, wire};
use crate::http::{Call, Pool, Refused, Session};
use futures::{StreamExt, stream};
use plimsoll_domain::{Secret, server::Endpoint};
use plimsoll_engine::ports::{PortResult, TokenReport};
use serde_json::json;
use std::sync::Arc;

/// What the probes ask about: ids and names that DigitalOcean never gives to anybody.
const NO_DROPLET: &str = "0";
const NO_SNAPSHOT: &str = "0";
const NO_FIREWALL: &str = "00000000-0000-0000-0000-000000000000";
const NO_TAG: &str = "plimsoll-no-such-tag";
/// TEST-NET-1 (RFC 5737): nobody's address.
const NO_ADDRESS: &str = "192.0.2.1";

/// Scopes that no request can ask about without perhaps creating something.
const UNKNOWABLE: [&str; 4] = [
    "droplet:create",
    "firewall:create",
    "reserved_ip:create",
    "ssh_key:create",
];

/// Asks whose token this is, and which of the scopes that we need are refused. A probe that is
/// answered with anything but 403 does not prove that the scope is there.
pub(crate) async fn verify(
    pool: &Arc<Pool>,
    endpoint: &Endpoint,
    token: &Secret,
) -> PortResult<TokenReport> {
    let doing = "verify the token";
    let session = pool
        .session(&SERVICE, endpoint, token)
        .map_err(|trouble| SERVICE.unusable(doing, trouble))?;
    let call = Call::get(doing, &["account"]).needs(&["account:read"]);
    let mut missing = Vec::new();
    let (owner, mut limits) = match session.ask(&call).await {
        Ok(answer) => describe(session.read(&call, &answer, "account")?),
        Err(refused) if refused.status() == Some(403) => {
            missing.push("account:read".to_owned());
            (
                "a DigitalOcean account that the token may not read".to_owned(),
                Vec::new(),
            )
        }
        Err(refused) => return Err(session.failure(&call, &refused)),
    };
    let refused: Vec<Option<String>> = stream::iter(probes())
        .map(|probe| refused_scope(&session, probe))
        .buffered(6)
        .collect::<Vec<PortResult<_>>>()
        .await
        .into_iter()
        .collect::<PortResult<_>>()?;
    missing.extend(refused.into_iter().flatten());
    limits.push(format!(
        "not checked before first use: {}",
        UNKNOWABLE.join(", ")
    ));
    Ok(TokenReport {
        owner,
        limits,
        missing_scopes: missing,
        expires_at: None,
    })
}

fn describe(account: wire::Account) -> (String, Vec<String>) {
    let mut limits = vec![format!("droplets: {}", account.droplet_limit)];
    if let Some(most) = account.reserved_ip_limit.or(account.floating_ip_limit) {
        limits.push(format!("reserved addresses: {most}"));
    }
    if account.status != "active" {
        limits.push(format!(
            "account {}: {}",
            account.status, account.status_message
        ));
    }
    let owner = match account.team {
        Some(team) if !team.name.is_empty() => format!("{} ({})", account.email, team.name),
        _ => account.email,
    };
    (owner, limits)
}

/// Requests that read, or that write to what does not exist.
fn probes() -> Vec<Call> {
    let read = |noun: &str, needs| {
        Call::get("verify the token", &[noun])
            .query("per_page", "1")
            .needs(needs)
    };
    let resources = json!({"resources": []});
    let firewall = json!({"name": "plimsoll-probe", "inbound_rules": [], "outbound_rules": []});
    vec![
        Call::get("verify the token", &["account", "keys"])
            .query("per_page", "1")
            .class(crate::http::Class::KeyList)
            .needs(&["ssh_key:read"]),
        read("droplets", &["droplet:read"]),
        read("sizes", &["sizes:read", "regions:read"]),
        read("regions", &["regions:read"]),
        read("snapshots", &["snapshot:read"]),
        read("firewalls", &["firewall:read"]),
        read("reserved_ips", &["reserved_ip:read"]),
        Call::post(
            "verify the token",
            &["droplets", NO_DROPLET, "actions"],
            json!({"type": "power_on"}),
        )
        .needs(&["droplet:update"]),
        Call::delete("verify the token", &["droplets", NO_DROPLET]).needs(&["droplet:delete"]),
        Call::delete("verify the token", &["snapshots", NO_SNAPSHOT])
            .needs(&["image:delete", "snapshot:delete"]),
        Call::put("verify the token", &["firewalls", NO_FIREWALL], firewall)
            .needs(&["firewall:update"]),
        Call::delete("verify the token", &["firewalls", NO_FIREWALL]).needs(&["firewall:delete"]),
        Call::post(
            "verify the token",
            &["tags", NO_TAG, "resources"],
            resources,
        )
        .needs(&["tag:create"]),
        Call::delete("verify the token", &["tags", NO_TAG]).needs(&["tag:delete"]),
        Call::post(
            "verify the token",
            &["reserved_ips", NO_ADDRESS, "actions"],
            json!({"type": "unassign"}),
        )
        .needs(&["reserved_ip:update"]),
        Call::delete("verify the token", &["reserved_ips", NO_ADDRESS])
            .needs(&["reserved_ip:delete"]),
    ]
}

/// The scope that a probe needs, when the provider refuses it for lack of that scope.
async fn refused_scope(session: &Session, probe: Call) -> PortResult<Option<String>> {
    match session.ask(&probe).await {
        Ok(_) => Ok(None),
        Err(Refused::Answer(answer)) if answer.status == 403 => Ok(Some(probe.needs.join(" or "))),
        Err(Refused::Answer(answer)) if answer.status == 401 => {
            Err(session.failure(&probe, &Refused::Answer(answer)))
        }
        Err(Refused::Answer(_)) => Ok(None),
        Err(refused) => Err(session.failure(&probe, &refused)),
    }
}
