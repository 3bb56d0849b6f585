//! Droplet actions, and all actions.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, DigitalOceanError, Page, number, one, parse};
use super::books::{Action, Droplet, Image, Work};
use super::catalogue::Size;
use super::create::{self, Named};
use super::droplets::visible;
use super::guard::Caller;
use super::views::{self, is_busy};
use super::work;
use crate::api::books::Books;
use crate::api::state::ApiState;
use crate::api::time::seconds;
use crate::ground::{Boot, PowerAction};

#[derive(Deserialize)]
pub(super) struct NewAction {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    image: Option<Named>,
}

/// Writes an action onto the books, or says why the droplet cannot do that now.
fn enter(
    books: &mut Books,
    droplet: &Droplet,
    new: &NewAction,
    now: Timestamp,
) -> Result<Action, DigitalOceanError> {
    if is_busy(books, droplet.id) {
        return Err(DigitalOceanError::pending_event());
    }
    let bootable = |books: &Books| {
        let named = new.image.as_ref().ok_or("You must specify an image")?;
        let image = create::image(books, &droplet.account, named);
        image.ok_or("You specified an invalid image for this action.")
    };
    let work = match new.kind.as_str() {
        "power_on" => Work::Power(PowerAction::On),
        "power_off" => Work::Power(PowerAction::Off),
        "shutdown" => Work::Power(PowerAction::Shutdown),
        "reboot" => Work::Power(PowerAction::Reboot),
        "power_cycle" => Work::Power(PowerAction::Cycle),
        "rename" => {
            let name = new.name.clone().filter(|name| !name.is_empty());
            let name =
                name.ok_or_else(|| DigitalOceanError::unprocessable("Name can't be blank"))?;
            Work::Rename { name }
        }
        "rebuild" => {
            let image = bootable(books).map_err(DigitalOceanError::unprocessable)?;
            Work::Rebuild { boot: image.boot }
        }
        "restore" => {
            let image = bootable(books).map_err(DigitalOceanError::unprocessable)?;
            if !matches!(image.boot, Boot::Snapshot { .. }) {
                let message = "A Droplet can only be restored from one of its snapshots.";
                return Err(DigitalOceanError::unprocessable(message));
            }
            Work::Restore { boot: image.boot }
        }
        "snapshot" => {
            let id = books.number();
            let name = new.name.clone().filter(|name| !name.is_empty());
            books.images.insert(
                id,
                Image {
                    id,
                    account: droplet.account.clone(),
                    name: name.unwrap_or_else(|| format!("{}-{}", droplet.name, seconds(now))),
                    droplet_id: droplet.id,
                    regions: vec![droplet.region.clone()],
                    min_disk_gb: Size::find(&droplet.size).map_or(0, |size| size.disk),
                    size_bytes: 0,
                    created_at: now,
                    tags: Vec::new(),
                    available: false,
                },
            );
            Work::Snapshot { image_id: id }
        }
        "enable_backups"
        | "disable_backups"
        | "password_reset"
        | "resize"
        | "change_kernel"
        | "enable_ipv6"
        | "change_backup_policy" => {
            let message = format!("The practice cloud does not offer the action {}.", new.kind);
            return Err(DigitalOceanError::unprocessable(message));
        }
        _ => {
            return Err(DigitalOceanError::unprocessable(
                "Type is not a valid action type",
            ));
        }
    };
    let action = Action::on_droplet(books.number(), droplet, work, now);
    books.actions.insert(action.id, action.clone());
    Ok(action)
}

pub(super) async fn start(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    caller.may(&["droplet:update"])?;
    let droplet = visible(&state, &caller, &id)?;
    let (new, now): (NewAction, _) = (parse(&body)?, state.now());
    let action = state.change(|books| enter(books, &droplet, &new, now))?;
    work::start(&state, action.id);
    Ok(one(StatusCode::CREATED, "action", views::action(&action)))
}

#[derive(Deserialize)]
pub(super) struct ByTag {
    tag_name: Option<String>,
}

pub(super) async fn start_by_tag(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(ByTag { tag_name }): Query<ByTag>,
    body: Bytes,
) -> Answer {
    caller.may(&["droplet:update"])?;
    let tag = tag_name.ok_or_else(|| DigitalOceanError::bad_request("tag_name is required"))?;
    let (new, now): (NewAction, _) = (parse(&body)?, state.now());
    let actions = state.change(|books| {
        let tagged =
            |droplet: &&Droplet| droplet.account == caller.account && droplet.tags.contains(&tag);
        let droplets: Vec<Droplet> = books.droplets.values().filter(tagged).cloned().collect();
        let entered = droplets
            .iter()
            .map(|droplet| enter(books, droplet, &new, now));
        entered.collect::<Result<Vec<Action>, DigitalOceanError>>()
    })?;
    for action in &actions {
        work::start(&state, action.id);
    }
    let views: Vec<Value> = actions.iter().map(views::action).collect();
    Ok((StatusCode::CREATED, Json(json!({ "actions": views }))).into_response())
}

/// Actions that fit, newest first, as the API lists them.
fn listed(state: &ApiState, fits: impl Fn(&Action) -> bool) -> Vec<Value> {
    state.read(|books| {
        books
            .actions
            .values()
            .rev()
            .filter(|action| fits(action))
            .map(views::action)
            .collect()
    })
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["actions:read"])?;
    let actions = listed(&state, |action| action.account == caller.account);
    Ok(page.answer(&caller, "/v2/actions", &[], "actions", actions))
}

/// One action of the account that fits.
fn found(state: &ApiState, caller: &Caller, id: &str, fits: impl Fn(&Action) -> bool) -> Answer {
    let id = number(id)?;
    let view = state.read(|books| {
        let action = books.actions.get(&id)?;
        (action.account == caller.account && fits(action)).then(|| views::action(action))
    });
    Ok(one(
        StatusCode::OK,
        "action",
        view.ok_or_else(DigitalOceanError::not_found)?,
    ))
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&["actions:read"])?;
    found(&state, &caller, &id, |_| true)
}

pub(super) async fn list_of_droplet(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["droplet:read"])?;
    let droplet = visible(&state, &caller, &id)?.id;
    let of_droplet =
        |action: &Action| action.resource_type == "droplet" && action.resource_id == droplet;
    let actions = listed(&state, of_droplet);
    let path = format!("/v2/droplets/{droplet}/actions");
    Ok(page.answer(&caller, &path, &[], "actions", actions))
}

pub(super) async fn show_of_droplet(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path((droplet, id)): Path<(String, String)>,
) -> Answer {
    caller.may(&["droplet:read"])?;
    let droplet = number(&droplet)?;
    found(&state, &caller, &id, |action| {
        action.resource_type == "droplet" && action.resource_id == droplet
    })
}
