//! Cloud firewalls: what they mean for each droplet, told to the ground.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::books::{Droplet, Firewall, Inbound};
use crate::api::books::Books;
use crate::api::state::ApiState;
use crate::ground::InboundRule;

/// Whether the firewall applies to the droplet, by number or by tag.
pub(super) fn covers(firewall: &Firewall, droplet: &Droplet) -> bool {
    firewall.account == droplet.account
        && (firewall.droplet_ids.contains(&droplet.id)
            || firewall.tags.iter().any(|tag| droplet.tags.contains(tag)))
}

/// First and last port of `22`, `8000-9000`, or `0` for all.
pub(super) fn ports(text: &str) -> Option<(u16, u16)> {
    if text == "0" {
        return Some((1, u16::MAX));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last).then_some((first, last))
}

/// An address or block in CIDR form.
pub(super) fn cidr(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/').unzip();
    let address: IpAddr = address.unwrap_or(text).parse().ok()?;
    let longest: u8 = if address.is_ipv4() { 32 } else { 128 };
    let length: u8 = length.map_or(Some(longest), |length| length.parse().ok())?;
    (length <= longest).then(|| format!("{address}/{length}"))
}

/// The complete inbound rules of a droplet; `None` when no firewall covers it.
fn inbound(books: &Books, droplet: &Droplet) -> Option<Vec<InboundRule>> {
    let covering: Vec<&Firewall> = books
        .firewalls
        .values()
        .filter(|firewall| covers(firewall, droplet))
        .collect();
    if covering.is_empty() {
        return None;
    }
    let rules = covering.iter().flat_map(|firewall| &firewall.inbound);
    Some(
        rules
            .map(|rule| resolve(books, &droplet.account, rule))
            .collect(),
    )
}

fn resolve(books: &Books, account: &str, rule: &Inbound) -> InboundRule {
    let mut sources: BTreeSet<String> = rule
        .sources
        .addresses
        .iter()
        .filter_map(|address| cidr(address))
        .collect();
    let named = |droplet: &&Droplet| {
        droplet.account == account
            && (rule.sources.droplet_ids.contains(&droplet.id)
                || rule
                    .sources
                    .tags
                    .iter()
                    .any(|tag| droplet.tags.contains(tag)))
    };
    for droplet in books.droplets.values().filter(named) {
        if let Some(addresses) = &droplet.addresses {
            sources.extend(cidr(&addresses.public_ipv4));
            sources.extend(cidr(&addresses.private_ipv4));
        }
    }
    let (first_port, last_port) = match rule.protocol.as_str() {
        "icmp" => (0, 0),
        _ => ports(&rule.ports).unwrap_or((1, u16::MAX)),
    };
    InboundRule {
        protocol: rule.protocol.clone(),
        first_port,
        last_port,
        sources: sources.into_iter().collect(),
    }
}

/// Tells the ground the rules of every droplet for which they changed.
pub(super) async fn apply(state: &ApiState) {
    let mut told = state.filtering().lock().await;
    let (due, waiting) = state.read(|books| {
        let booted = books
            .droplets
            .values()
            .filter(|droplet| droplet.addresses.is_some());
        let wanted = booted.map(|droplet| (droplet.id, inbound(books, droplet)));
        let new = |(id, rules): &(u64, Option<Vec<InboundRule>>)| {
            told.get(id)
                .map_or(rules.is_some(), |before| before != rules)
        };
        let waiting = books
            .firewalls
            .values()
            .filter(|firewall| firewall.status == "waiting");
        let waiting: Vec<Firewall> = waiting.cloned().collect();
        (wanted.filter(new).collect::<Vec<_>>(), waiting)
    });
    let mut failed = Vec::new();
    for (id, rules) in due {
        match state.ground().firewall(id, rules.as_deref()).await {
            Ok(()) => {
                told.insert(id, rules);
            }
            Err(error) => {
                tracing::warn!(%error, "a firewall could not be put up");
                failed.push(id);
            }
        }
    }
    if waiting.is_empty() {
        return;
    }
    state
        .note(|books| {
            let broken = |firewall: &Firewall| {
                failed
                    .iter()
                    .filter_map(|id| books.droplets.get(id))
                    .any(|held| covers(firewall, held))
            };
            let outcomes: Vec<(String, bool)> = waiting
                .iter()
                // What was changed again meanwhile waits for the next round.
                .filter(|seen| books.firewalls.get(&seen.id) == Some(seen))
                .map(|firewall| (firewall.id.clone(), broken(firewall)))
                .collect();
            for (id, broken) in outcomes {
                if let Some(firewall) = books.firewalls.get_mut(&id) {
                    (if broken { "failed" } else { "succeeded" }).clone_into(&mut firewall.status);
                }
            }
        })
        .await;
}

/// The same in the background, after an answer was given.
pub(super) fn apply_soon(state: &ApiState) {
    let state = state.clone();
    tokio::spawn(async move { apply(&state).await });
}

/// Forgets what the ground was told about a droplet whose machine is new or gone.
pub(super) async fn forget(state: &ApiState, droplet_id: u64) {
    state.filtering().lock().await.remove(&droplet_id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_one_or_a_range_or_all() {
        assert_eq!(ports("22"), Some((22, 22)));
        assert_eq!(ports("8000-9000"), Some((8_000, 9_000)));
        assert_eq!(ports("0"), Some((1, 65_535)));
        for bad in ["", "all", "70000", "9-8", "1-", "-1", "0-10", "a"] {
            assert_eq!(ports(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_address_becomes_a_block_of_one() {
        assert_eq!(cidr("10.0.0.1").as_deref(), Some("10.0.0.1/32"));
        assert_eq!(cidr("0.0.0.0/0").as_deref(), Some("0.0.0.0/0"));
        assert_eq!(cidr("::/0").as_deref(), Some("::/0"));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "example.com", "::/129"] {
            assert_eq!(cidr(bad), None, "{bad:?}");
        }
    }
}
