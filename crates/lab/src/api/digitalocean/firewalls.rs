//! Cloud firewalls: the API's side. Inbound rules reach the machines; outbound rules are kept and
//! answered, and nothing enforces them.

use std::collections::BTreeSet;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, DigitalOceanError, Page, no_content, one, parse};
use super::books::{Firewall, Inbound, Outbound, Peers, nullable};
use super::droplets::visible;
pub(super) use super::filtering::{apply, apply_soon, forget};
use super::filtering::{covers, ports};
use super::guard::Caller;
use super::tags;
use crate::api::books::Books;
use crate::api::state::ApiState;
use crate::api::time::seconds;

impl Firewall {
    pub(super) fn forget_tag(&mut self, name: &str) {
        self.tags.retain(|tag| tag != name);
        for rule in &mut self.inbound {
            rule.sources.tags.retain(|tag| tag != name);
        }
        for rule in &mut self.outbound {
            rule.destinations.tags.retain(|tag| tag != name);
        }
    }
}

#[derive(Deserialize)]
struct NewFirewall {
    name: Option<String>,
    droplet_ids: Option<Vec<u64>>,
    tags: Option<Vec<String>>,
    inbound_rules: Option<Vec<Inbound>>,
    outbound_rules: Option<Vec<Outbound>>,
}

fn view(books: &Books, firewall: &Firewall) -> Value {
    let pending: Vec<Value> = if firewall.status == "waiting" {
        let covered = books
            .droplets
            .values()
            .filter(|droplet| covers(firewall, droplet));
        let change = |id: u64| json!({"droplet_id": id, "removing": false, "status": "waiting"});
        covered.map(|droplet| change(droplet.id)).collect()
    } else {
        Vec::new()
    };
    json!({
        "id": firewall.id,
        "name": firewall.name,
        "status": firewall.status,
        "created_at": seconds(firewall.created_at),
        "pending_changes": pending,
        "droplet_ids": firewall.droplet_ids,
        "tags": firewall.tags,
        "inbound_rules": firewall.inbound,
        "outbound_rules": firewall.outbound,
    })
}

/// Brings a rule into the form that the API answers, or says what is wrong with it. `all` becomes
/// `0`, as with the real one: a client that compares texts must know.
fn normalise(protocol: &str, text: &mut String, peers: &Peers) -> Result<(), DigitalOceanError> {
    let refuse = |message: String| Err(DigitalOceanError::unprocessable(message));
    if !matches!(protocol, "tcp" | "udp" | "icmp") {
        return refuse(format!(
            "protocol {protocol:?} is not one of tcp, udp, icmp"
        ));
    }
    if protocol == "icmp" || text == "all" {
        "0".clone_into(text);
    }
    if ports(text).is_none() {
        return refuse(format!(
            "ports {text:?} is not a port, a range of ports or \"all\""
        ));
    }
    for address in &peers.addresses {
        if super::filtering::cidr(address).is_none() {
            return refuse(format!("{address:?} is not an IP address or CIDR block"));
        }
    }
    Ok(())
}

/// Whether every droplet and tag that is named exists.
fn check_targets(
    books: &Books,
    account: &str,
    droplets: &[u64],
    named_tags: &[String],
    rules: (&[Inbound], &[Outbound]),
) -> Result<(), DigitalOceanError> {
    let sources = rules.0.iter().map(|rule| &rule.sources);
    let destinations = rules.1.iter().map(|rule| &rule.destinations);
    let peers: Vec<&Peers> = sources.chain(destinations).collect();
    let tags = named_tags
        .iter()
        .chain(peers.iter().flat_map(|peers| &peers.tags));
    for tag in tags {
        if !tags::exists(books, account, tag) {
            let message = format!("tag {tag:?} does not exist");
            return Err(DigitalOceanError::unprocessable(message));
        }
    }
    let ids = droplets
        .iter()
        .chain(peers.iter().flat_map(|peers| &peers.droplet_ids));
    for id in ids {
        if books
            .droplets
            .get(id)
            .is_none_or(|droplet| droplet.account != account)
        {
            let message = format!("droplet {id} does not exist");
            return Err(DigitalOceanError::unprocessable(message));
        }
    }
    Ok(())
}

/// Writes what a request says into a firewall.
fn fill(books: &Books, firewall: &mut Firewall, new: NewFirewall) -> Result<(), DigitalOceanError> {
    let refuse = |message: &str| Err(DigitalOceanError::unprocessable(message));
    let name = new.name.unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if name.len() < 2
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !name.chars().all(allowed)
    {
        return refuse("name must begin with a letter or digit; only those, dots and dashes");
    }
    let taken = books.firewalls.values().any(|other| {
        other.account == firewall.account && other.name == name && other.id != firewall.id
    });
    if taken {
        return refuse("duplicate name");
    }
    if new.inbound_rules.is_none() && new.outbound_rules.is_none() {
        return refuse("at least one inbound or outbound rule is required");
    }
    firewall.name = name;
    firewall.droplet_ids = new.droplet_ids.unwrap_or_default();
    firewall.tags = new.tags.unwrap_or_default();
    firewall.inbound = new.inbound_rules.unwrap_or_default();
    firewall.outbound = new.outbound_rules.unwrap_or_default();
    normalise_all(&mut firewall.inbound, &mut firewall.outbound)?;
    "waiting".clone_into(&mut firewall.status);
    check_targets(
        books,
        &firewall.account,
        &firewall.droplet_ids,
        &firewall.tags,
        (&firewall.inbound, &firewall.outbound),
    )
}

fn normalise_all(
    inbound: &mut [Inbound],
    outbound: &mut [Outbound],
) -> Result<(), DigitalOceanError> {
    for rule in inbound {
        normalise(&rule.protocol, &mut rule.ports, &rule.sources)?;
    }
    for rule in outbound {
        normalise(&rule.protocol, &mut rule.ports, &rule.destinations)?;
    }
    Ok(())
}

pub(super) async fn create(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    caller.may(&["firewall:create"])?;
    let new: NewFirewall = parse(&body)?;
    let mut firewall = Firewall {
        id: state.mint().uuid(),
        account: caller.account.clone(),
        name: String::new(),
        status: String::new(),
        created_at: state.now(),
        droplet_ids: Vec::new(),
        tags: Vec::new(),
        inbound: Vec::new(),
        outbound: Vec::new(),
    };
    let view = state.change(|books| {
        fill(books, &mut firewall, new)?;
        let view = view(books, &firewall);
        books.firewalls.insert(firewall.id.clone(), firewall);
        Ok::<_, DigitalOceanError>(view)
    })?;
    apply_soon(&state);
    Ok(one(StatusCode::ACCEPTED, "firewall", view))
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["firewall:read"])?;
    let firewalls = state.read(|books| {
        let own = books
            .firewalls
            .values()
            .filter(|held| held.account == caller.account);
        own.map(|firewall| view(books, firewall)).collect()
    });
    Ok(page.answer(&caller, "/v2/firewalls", &[], "firewalls", firewalls))
}

pub(super) async fn list_of_droplet(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["firewall:read"])?;
    let droplet = visible(&state, &caller, &id)?;
    let firewalls = state.read(|books| {
        let covering = books
            .firewalls
            .values()
            .filter(|firewall| covers(firewall, &droplet));
        covering.map(|firewall| view(books, firewall)).collect()
    });
    let path = format!("/v2/droplets/{id}/firewalls");
    Ok(page.answer(&caller, &path, &[], "firewalls", firewalls))
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&["firewall:read"])?;
    let view = state.read(|books| {
        let own = books
            .firewalls
            .get(&id)
            .filter(|held| held.account == caller.account);
        own.map(|firewall| view(books, firewall))
    });
    Ok(one(
        StatusCode::OK,
        "firewall",
        view.ok_or_else(DigitalOceanError::not_found)?,
    ))
}

/// Changes a firewall of the account and lets the ground follow.
fn edit<T>(
    state: &ApiState,
    caller: &Caller,
    id: &str,
    act: impl FnOnce(&Books, &mut Firewall) -> Result<T, DigitalOceanError>,
) -> Result<T, DigitalOceanError> {
    caller.may(&["firewall:update"])?;
    let outcome = state.change(|books| {
        let own = books
            .firewalls
            .get(id)
            .filter(|held| held.account == caller.account);
        let mut firewall = own.cloned().ok_or_else(DigitalOceanError::not_found)?;
        let outcome = act(books, &mut firewall)?;
        "waiting".clone_into(&mut firewall.status);
        books.firewalls.insert(id.to_owned(), firewall);
        Ok::<_, DigitalOceanError>(outcome)
    })?;
    apply_soon(state);
    Ok(outcome)
}

pub(super) async fn replace(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let view = edit(&state, &caller, &id, |books, firewall| {
        fill(books, firewall, parse(&body)?)?;
        Ok(view(books, firewall))
    })?;
    Ok(one(StatusCode::OK, "firewall", view))
}

pub(super) async fn delete_one(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&["firewall:delete"])?;
    state.change(|books| {
        let own = books
            .firewalls
            .get(&id)
            .is_some_and(|held| held.account == caller.account);
        if !own {
            return Err(DigitalOceanError::not_found());
        }
        books.firewalls.remove(&id);
        Ok(())
    })?;
    apply_soon(&state);
    Ok(no_content())
}

#[derive(Deserialize)]
struct DropletIds {
    droplet_ids: Vec<u64>,
}

#[derive(Deserialize)]
struct TagNames {
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Rules {
    #[serde(default, deserialize_with = "nullable")]
    inbound_rules: Vec<Inbound>,
    #[serde(default, deserialize_with = "nullable")]
    outbound_rules: Vec<Outbound>,
}

/// `held` and `more` without repetitions, in the order they came.
fn union<T: Clone + Ord>(held: &mut Vec<T>, more: Vec<T>) {
    let mut seen: BTreeSet<T> = held.iter().cloned().collect();
    held.extend(more.into_iter().filter(|item| seen.insert(item.clone())));
}

pub(super) async fn add_droplets(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    edit(&state, &caller, &id, |books, firewall| {
        let DropletIds { droplet_ids } = parse(&body)?;
        check_targets(books, &firewall.account, &droplet_ids, &[], (&[], &[]))?;
        union(&mut firewall.droplet_ids, droplet_ids);
        Ok(no_content())
    })
}

pub(super) async fn remove_droplets(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    edit(&state, &caller, &id, |_, firewall| {
        let DropletIds { droplet_ids } = parse(&body)?;
        firewall
            .droplet_ids
            .retain(|held| !droplet_ids.contains(held));
        Ok(no_content())
    })
}

pub(super) async fn add_tags(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    edit(&state, &caller, &id, |books, firewall| {
        let TagNames { tags } = parse(&body)?;
        check_targets(books, &firewall.account, &[], &tags, (&[], &[]))?;
        union(&mut firewall.tags, tags);
        Ok(no_content())
    })
}

pub(super) async fn remove_tags(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    edit(&state, &caller, &id, |_, firewall| {
        let TagNames { tags } = parse(&body)?;
        firewall.tags.retain(|held| !tags.contains(held));
        Ok(no_content())
    })
}

/// The rules of a request in the form that the books keep.
fn rules(body: &Bytes) -> Result<Rules, DigitalOceanError> {
    let mut rules: Rules = parse(body)?;
    if rules.inbound_rules.is_empty() && rules.outbound_rules.is_empty() {
        let message = "at least one inbound or outbound rule is required";
        return Err(DigitalOceanError::unprocessable(message));
    }
    normalise_all(&mut rules.inbound_rules, &mut rules.outbound_rules)?;
    Ok(rules)
}

pub(super) async fn add_rules(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    edit(&state, &caller, &id, |books, firewall| {
        let rules = rules(&body)?;
        let both = (
            rules.inbound_rules.as_slice(),
            rules.outbound_rules.as_slice(),
        );
        check_targets(books, &firewall.account, &[], &[], both)?;
        for rule in rules.inbound_rules {
            if !firewall.inbound.contains(&rule) {
                firewall.inbound.push(rule);
            }
        }
        for rule in rules.outbound_rules {
            if !firewall.outbound.contains(&rule) {
                firewall.outbound.push(rule);
            }
        }
        Ok(no_content())
    })
}

pub(super) async fn remove_rules(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    edit(&state, &caller, &id, |_, firewall| {
        let rules = rules(&body)?;
        firewall
            .inbound
            .retain(|held| !rules.inbound_rules.contains(held));
        firewall
            .outbound
            .retain(|held| !rules.outbound_rules.contains(held));
        Ok(no_content())
    })
}
