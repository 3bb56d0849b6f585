//! Images and snapshots: two views of the same thing.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answer, DigitalOceanError, Page, no_content, number, one, parse};
use super::books::Image;
use super::catalogue::{STOCK, Stock};
use super::droplets::visible;
use super::guard::Caller;
use super::{views, work};
use crate::api::books::Books;
use crate::api::state::ApiState;

#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(rename = "type")]
    kind: Option<String>,
    private: Option<String>,
    tag_name: Option<String>,
}

/// Finished snapshots of the account.
fn snapshots<'a>(books: &'a Books, account: &'a str) -> impl Iterator<Item = &'a Image> {
    books
        .images
        .values()
        .filter(move |image| image.account == account && image.available)
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
    Query(filter): Query<Filter>,
) -> Answer {
    caller.may(&["image:read"])?;
    let private = filter.private.as_deref() == Some("true");
    let mut images = Vec::new();
    if !private && filter.tag_name.is_none() && filter.kind.as_deref() != Some("application") {
        images.extend(STOCK.iter().map(Stock::view));
    }
    if filter.kind.is_none() {
        let fits = |image: &&Image| {
            filter
                .tag_name
                .as_ref()
                .is_none_or(|tag| image.tags.contains(tag))
        };
        state.read(|books| {
            images.extend(
                snapshots(books, &caller.account)
                    .filter(fits)
                    .map(views::image),
            );
        });
    }
    let filters = [
        ("type", filter.kind.as_deref()),
        ("private", filter.private.as_deref()),
        ("tag_name", filter.tag_name.as_deref()),
    ];
    Ok(page.answer(&caller, "/v2/images", &filters, "images", images))
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(named): Path<String>,
) -> Answer {
    caller.may(&["image:read"])?;
    let id = named.parse().ok();
    let stock = Stock::find(&named)
        .or_else(|| id.and_then(Stock::by_id))
        .map(Stock::view);
    let view = stock.or_else(|| state.read(|books| own(books, &caller, id?).map(views::image)));
    Ok(one(
        StatusCode::OK,
        "image",
        view.ok_or_else(DigitalOceanError::not_found)?,
    ))
}

fn own<'a>(books: &'a Books, caller: &Caller, id: u64) -> Option<&'a Image> {
    books
        .images
        .get(&id)
        .filter(|image| image.account == caller.account && image.available)
}

#[derive(Deserialize)]
struct Rename {
    name: Option<String>,
}

pub(super) async fn rename(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    caller.may(&["image:update"])?;
    let (id, Rename { name }) = (number(&id)?, parse(&body)?);
    let view = state.change(|books| {
        let held = own(books, &caller, id).is_some();
        let image = books.images.get_mut(&id).filter(|_| held);
        let image = image.ok_or_else(DigitalOceanError::not_found)?;
        if let Some(name) = name {
            image.name = name;
        }
        Ok::<_, DigitalOceanError>(views::image(image))
    })?;
    Ok(one(StatusCode::OK, "image", view))
}

/// Takes a snapshot off the books; its files are removed in the background.
fn remove(state: &ApiState, caller: &Caller, id: &str) -> Answer {
    let id = number(id)?;
    state.change(|books| {
        own(books, caller, id).ok_or_else(DigitalOceanError::not_found)?;
        books.images.remove(&id);
        books.doomed_snapshots.push(id);
        Ok::<_, DigitalOceanError>(())
    })?;
    work::remove_doomed(state);
    Ok(no_content())
}

pub(super) async fn delete_image(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&["image:delete"])?;
    remove(&state, &caller, &id)
}

#[derive(Deserialize)]
pub(super) struct ByResource {
    resource_type: Option<String>,
}

pub(super) async fn list_snapshots(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
    Query(ByResource { resource_type }): Query<ByResource>,
) -> Answer {
    caller.may(&["snapshot:read"])?;
    let found: Vec<Value> = if resource_type.as_deref() == Some("volume") {
        Vec::new()
    } else {
        state.read(|books| {
            snapshots(books, &caller.account)
                .map(views::snapshot)
                .collect()
        })
    };
    let filters = [("resource_type", resource_type.as_deref())];
    Ok(page.answer(&caller, "/v2/snapshots", &filters, "snapshots", found))
}

pub(super) async fn show_snapshot(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&["snapshot:read"])?;
    let id = number(&id)?;
    let view = state.read(|books| own(books, &caller, id).map(views::snapshot));
    Ok(one(
        StatusCode::OK,
        "snapshot",
        view.ok_or_else(DigitalOceanError::not_found)?,
    ))
}

pub(super) async fn delete_snapshot(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&["image:delete", "snapshot:delete"])?;
    remove(&state, &caller, &id)
}

pub(super) async fn list_of_droplet(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["droplet:read"])?;
    let droplet = visible(&state, &caller, &id)?.id;
    let found = state.read(|books| {
        let of_droplet = |image: &&Image| image.droplet_id == droplet;
        snapshots(books, &caller.account)
            .filter(of_droplet)
            .map(views::image)
            .collect()
    });
    let path = format!("/v2/droplets/{droplet}/snapshots");
    Ok(page.answer(&caller, &path, &[], "snapshots", found))
}
