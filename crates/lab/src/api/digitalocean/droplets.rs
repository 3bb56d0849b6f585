//! Listing, showing and deleting droplets.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use futures::future::join_all;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answer, DigitalOceanError, Page, no_content, number, one};
use super::books::{Droplet, DropletStatus};
use super::guard::Caller;
use super::views::{self, Moment, is_busy};
use super::work;
use crate::api::books::Books;
use crate::api::state::ApiState;
use crate::ground::PowerState;

#[derive(Deserialize)]
pub(super) struct Filter {
    name: Option<String>,
    tag_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
    Query(filter): Query<Filter>,
) -> Answer {
    caller.may(&["droplet:read"])?;
    let fits = |droplet: &&Droplet| {
        droplet.account == caller.account
            && filter
                .name
                .as_ref()
                .is_none_or(|name| droplet.name.eq_ignore_ascii_case(name))
            && filter
                .tag_name
                .as_ref()
                .is_none_or(|tag| droplet.tags.contains(tag))
            && filter.kind.as_deref() != Some("gpus")
    };
    let found: Vec<Droplet> =
        state.read(|books| books.droplets.values().filter(fits).cloned().collect());
    let views = look(&state, found).await;
    let filters = [
        ("name", filter.name.as_deref()),
        ("tag_name", filter.tag_name.as_deref()),
        ("type", filter.kind.as_deref()),
    ];
    Ok(page.answer(&caller, "/v2/droplets", &filters, "droplets", views))
}

/// The droplet, once creation has become visible.
pub(super) fn visible(
    state: &ApiState,
    caller: &Caller,
    id: &str,
) -> Result<Droplet, DigitalOceanError> {
    let (id, now) = (number(id)?, state.now());
    state
        .read(|books| books.droplets.get(&id).cloned())
        .filter(|droplet| droplet.account == caller.account && droplet.shown_at <= now)
        .ok_or_else(DigitalOceanError::not_found)
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&["droplet:read"])?;
    let droplet = visible(&state, &caller, &id)?;
    let view = look(&state, vec![droplet])
        .await
        .pop()
        .unwrap_or(Value::Null);
    Ok(one(StatusCode::OK, "droplet", view))
}

/// Views of droplets with the power state that the ground sees now.
async fn look(state: &ApiState, mut droplets: Vec<Droplet>) -> Vec<Value> {
    let states = join_all(droplets.iter().map(|droplet| power(state, droplet))).await;
    for (droplet, status) in droplets.iter_mut().zip(states) {
        droplet.status = status;
    }
    let moment = Moment {
        now: state.now(),
        delays: state.delays(),
    };
    state.read(|books| {
        droplets
            .iter()
            .map(|droplet| views::droplet(books, droplet, moment))
            .collect()
    })
}

/// The status by the books, unless the machine went off or came on behind their back.
async fn power(state: &ApiState, droplet: &Droplet) -> DropletStatus {
    let busy = state.read(|books| is_busy(books, droplet.id));
    if busy || droplet.status == DropletStatus::New {
        return droplet.status;
    }
    let observe = || async {
        let observed = state.ground().observe(droplet.id);
        match tokio::time::timeout(Duration::from_secs(2), observed).await {
            Ok(Ok(PowerState::On)) => DropletStatus::Active,
            Ok(Ok(PowerState::Off | PowerState::Gone)) => DropletStatus::Off,
            Ok(Err(_)) | Err(_) => droplet.status,
        }
    };
    let seen = observe().await;
    if seen == DropletStatus::Off && droplet.status == DropletStatus::Active {
        // A reboot from inside ends the container for a moment; a droplet stays active over it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        return observe().await;
    }
    seen
}

/// Takes droplets off the books; their machines are removed in the background.
fn doom(books: &mut Books, droplets: &[u64]) -> Result<(), DigitalOceanError> {
    if droplets.iter().any(|id| is_busy(books, *id)) {
        return Err(DigitalOceanError::pending_event());
    }
    for id in droplets {
        books.droplets.remove(id);
        books.doomed_droplets.push(*id);
        for firewall in books.firewalls.values_mut() {
            firewall.droplet_ids.retain(|held| held != id);
        }
        for reserved in books.reserved_ips.values_mut() {
            reserved.droplet_id = reserved.droplet_id.filter(|held| held != id);
        }
    }
    Ok(())
}

pub(super) async fn delete_one(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&["droplet:delete"])?;
    let id = visible(&state, &caller, &id)?.id;
    state.change(|books| {
        // Two deletions at once: the second finds nothing.
        if !books.droplets.contains_key(&id) {
            return Err(DigitalOceanError::not_found());
        }
        doom(books, &[id])
    })?;
    work::remove_doomed(&state);
    Ok(no_content())
}

#[derive(Deserialize)]
pub(super) struct ByTag {
    tag_name: Option<String>,
}

pub(super) async fn delete_by_tag(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(ByTag { tag_name }): Query<ByTag>,
) -> Answer {
    caller.may(&["droplet:delete"])?;
    let tag = tag_name
        .filter(|tag| !tag.is_empty())
        .ok_or_else(|| DigitalOceanError::bad_request("tag_name is required"))?;
    state.change(|books| {
        let tagged =
            |droplet: &&Droplet| droplet.account == caller.account && droplet.tags.contains(&tag);
        let ids: Vec<u64> = books
            .droplets
            .values()
            .filter(tagged)
            .map(|held| held.id)
            .collect();
        doom(books, &ids)
    })?;
    work::remove_doomed(&state);
    Ok(no_content())
}
