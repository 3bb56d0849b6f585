//! Reserved IPv4 addresses.

use std::net::Ipv4Addr;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, DigitalOceanError, Page, no_content, number, one, parse};
use super::books::{Action, ActionStatus, ReservedIp, Work};
use super::catalogue::Region;
use super::guard::Caller;
use super::views::{self, Moment, is_busy};
use super::work;
use crate::api::books::Books;
use crate::api::state::ApiState;

fn moment(state: &ApiState) -> Moment {
    Moment {
        now: state.now(),
        delays: state.delays(),
    }
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["reserved_ip:read"])?;
    let moment = moment(&state);
    let found = state.read(|books| {
        let own = books
            .reserved_ips
            .values()
            .filter(|held| held.account == caller.account);
        own.map(|held| views::reserved_ip(books, held, moment))
            .collect()
    });
    Ok(page.answer(&caller, "/v2/reserved_ips", &[], "reserved_ips", found))
}

/// The reserved address of the account.
fn own<'a>(
    books: &'a Books,
    caller: &Caller,
    ip: &str,
) -> Result<&'a ReservedIp, DigitalOceanError> {
    let found = books
        .reserved_ips
        .get(ip)
        .filter(|held| held.account == caller.account);
    found.ok_or_else(DigitalOceanError::not_found)
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(ip): Path<String>,
) -> Answer {
    caller.may(&["reserved_ip:read"])?;
    let moment = moment(&state);
    let view = state.read(|books| {
        Ok::<_, DigitalOceanError>(views::reserved_ip(books, own(books, &caller, &ip)?, moment))
    })?;
    Ok(one(StatusCode::OK, "reserved_ip", view))
}

#[derive(Deserialize)]
struct NewReservedIp {
    droplet_id: Option<u64>,
    region: Option<String>,
}

/// The region of a droplet that can take an address now.
fn assignable(books: &Books, account: &str, droplet: u64) -> Result<String, DigitalOceanError> {
    let held = books
        .droplets
        .get(&droplet)
        .filter(|held| held.account == account);
    let held = held.ok_or_else(|| DigitalOceanError::unprocessable("Droplet not found"))?;
    if is_busy(books, droplet) {
        return Err(DigitalOceanError::pending_event());
    }
    if books
        .reserved_ips
        .values()
        .any(|ip| ip.droplet_id == Some(droplet))
    {
        let message = "The Droplet already has a reserved IP assigned to it.";
        return Err(DigitalOceanError::unprocessable(message));
    }
    Ok(held.region.clone())
}

/// An action on a reserved address that begins now.
fn enter(books: &mut Books, held: &ReservedIp, work: Work, now: Timestamp) -> Action {
    let as_number: u32 = held.ip.parse::<Ipv4Addr>().map_or(0, u32::from);
    let action = Action {
        id: books.number(),
        account: held.account.clone(),
        work,
        status: ActionStatus::InProgress,
        started_at: now,
        completed_at: None,
        resource_id: u64::from(as_number),
        resource_type: "reserved_ip".to_owned(),
        region: held.region.clone(),
    };
    books.actions.insert(action.id, action.clone());
    action
}

pub(super) async fn create(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    caller.may(&["reserved_ip:create"])?;
    let new: NewReservedIp = parse(&body)?;
    let region = match (new.droplet_id, &new.region) {
        (Some(droplet), None) => state.read(|books| assignable(books, &caller.account, droplet))?,
        (None, Some(slug)) => {
            let region = Region::find(slug).filter(|region| region.available);
            let message = "Region is not available";
            let region = region.ok_or_else(|| DigitalOceanError::unprocessable(message))?;
            region.slug.to_owned()
        }
        _ => {
            let message = "Either droplet_id or region is required, not both";
            return Err(DigitalOceanError::unprocessable(message));
        }
    };
    let limit_reached = state.read(|books| {
        let held = books
            .reserved_ips
            .values()
            .filter(|ip| ip.account == caller.account)
            .count();
        let owner = books.digitalocean_accounts.get(&caller.account);
        owner.is_none_or(|owner| held >= owner.reserved_ip_limit)
    });
    if limit_reached {
        let message = "You have reached the limit of reserved IPs for this account";
        return Err(DigitalOceanError::unprocessable(message));
    }
    let ip = state.ground().reserve_address().await.map_err(failed)?;
    let held = ReservedIp {
        ip: ip.clone(),
        account: caller.account.clone(),
        region,
        droplet_id: None,
    };
    let (now, moment) = (state.now(), moment(&state));
    let entered = state.change(|books| {
        let action = match new.droplet_id {
            None => None,
            Some(droplet_id) => {
                assignable(books, &caller.account, droplet_id)?;
                let work = Work::AssignIp {
                    ip: ip.clone(),
                    droplet_id,
                };
                Some(enter(books, &held, work, now))
            }
        };
        books.reserved_ips.insert(ip.clone(), held.clone());
        Ok::<_, DigitalOceanError>((action, views::reserved_ip(books, &held, moment)))
    });
    let (action, view) = match entered {
        Ok(entered) => entered,
        Err(error) => {
            state.ground().release_address(&ip).await.map_err(failed)?;
            return Err(error);
        }
    };
    let mut links = json!({"droplets": [], "actions": []});
    if let (Some(action), Some(droplet)) = (action, new.droplet_id) {
        work::start(&state, action.id);
        let href = |path: String| format!("{}/v2/{path}", caller.base);
        links["droplets"] = json!([{
            "id": droplet, "rel": "droplet", "href": href(format!("droplets/{droplet}")),
        }]);
        links["actions"] = json!([{
            "id": action.id, "rel": "assign_ip", "href": href(format!("actions/{}", action.id)),
        }]);
    }
    Ok((
        StatusCode::ACCEPTED,
        Json(json!({"reserved_ip": view, "links": links})),
    )
        .into_response())
}

fn failed(error: crate::ground::GroundError) -> DigitalOceanError {
    tracing::warn!(%error, "the ground refused a reserved address");
    DigitalOceanError::server_error()
}

pub(super) async fn delete_one(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(ip): Path<String>,
) -> Answer {
    caller.may(&["reserved_ip:delete"])?;
    let assigned = state.read(|books| {
        let held = own(books, &caller, &ip)?;
        refuse_if_busy(books, &ip)?;
        Ok::<_, DigitalOceanError>(held.droplet_id.is_some())
    })?;
    if assigned {
        state
            .ground()
            .assign_address(&ip, None)
            .await
            .map_err(failed)?;
    }
    state.ground().release_address(&ip).await.map_err(failed)?;
    state.change(|books| {
        books.reserved_ips.remove(&ip);
        Ok::<_, DigitalOceanError>(())
    })?;
    Ok(no_content())
}

fn refuse_if_busy(books: &Books, ip: &str) -> Result<(), DigitalOceanError> {
    let busy = books.actions.values().any(|action| {
        let about_it = action.work.reserved_ip().is_some_and(|about| about == ip);
        about_it && action.status == ActionStatus::InProgress
    });
    if busy {
        let message = "The reserved IP already has a pending event.";
        return Err(DigitalOceanError::unprocessable(message));
    }
    Ok(())
}

#[derive(Deserialize)]
struct NewAction {
    #[serde(rename = "type")]
    kind: String,
    droplet_id: Option<u64>,
}

pub(super) async fn start(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(ip): Path<String>,
    body: Bytes,
) -> Answer {
    caller.may(&["reserved_ip:update"])?;
    let (new, now): (NewAction, _) = (parse(&body)?, state.now());
    let (action, project) = state.change(|books| {
        let held = own(books, &caller, &ip)?.clone();
        refuse_if_busy(books, &ip)?;
        let refuse = DigitalOceanError::unprocessable;
        let work = match (new.kind.as_str(), new.droplet_id) {
            ("assign", Some(droplet_id)) => {
                let region = assignable(books, &caller.account, droplet_id)?;
                if region != held.region {
                    return Err(refuse(
                        "The Droplet is in another region than the reserved IP.",
                    ));
                }
                Work::AssignIp {
                    ip: ip.clone(),
                    droplet_id,
                }
            }
            ("assign", None) => return Err(refuse("droplet_id is required")),
            ("unassign", _) => {
                if held.droplet_id.is_none() {
                    return Err(refuse("The reserved IP is not assigned to a Droplet."));
                }
                Work::UnassignIp { ip: ip.clone() }
            }
            _ => return Err(refuse("Type is not a valid action type")),
        };
        let owner = books.digitalocean_accounts.get(&caller.account);
        let project = owner.map(|owner| owner.project_id.clone());
        Ok((enter(books, &held, work, now), project))
    })?;
    work::start(&state, action.id);
    let mut view = views::action(&action);
    view["project_id"] = json!(project);
    Ok(one(StatusCode::CREATED, "action", view))
}

pub(super) async fn list_actions(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(ip): Path<String>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["reserved_ip:read"])?;
    let found: Vec<Value> = state.read(|books| {
        own(books, &caller, &ip)?;
        let of_it = |action: &&Action| action.work.reserved_ip() == Some(&ip);
        let actions = books
            .actions
            .values()
            .rev()
            .filter(of_it)
            .map(views::action);
        Ok::<_, DigitalOceanError>(actions.collect())
    })?;
    let path = format!("/v2/reserved_ips/{ip}/actions");
    Ok(page.answer(&caller, &path, &[], "actions", found))
}

pub(super) async fn show_action(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path((ip, id)): Path<(String, String)>,
) -> Answer {
    caller.may(&["reserved_ip:read"])?;
    let id = number(&id)?;
    let view = state.read(|books| {
        own(books, &caller, &ip)?;
        let action = books
            .actions
            .get(&id)
            .filter(|held| held.work.reserved_ip() == Some(&ip));
        action
            .map(views::action)
            .ok_or_else(DigitalOceanError::not_found)
    })?;
    Ok(one(StatusCode::OK, "action", view))
}
