//! Creation of droplets: what is accepted, and what is refused in which words.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use bytes::Bytes;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::account;
use super::answer::{Answer, DigitalOceanError, parse};
use super::books::{Action, Droplet, DropletStatus, Work};
use super::catalogue::{DEFAULT_REGION, Region, Size, Stock};
use super::guard::Caller;
use super::views::{self, Moment};
use super::{tags, work};
use crate::api::books::Books;
use crate::api::state::ApiState;
use crate::api::time::later;
use crate::ground::Boot;

/// Bytes of user data that the API takes.
const USER_DATA_LIMIT: usize = 64 * 1024;
/// Droplets in one request.
const NAMES_LIMIT: usize = 10;

static NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]$").ok());

/// A name or a number: images and keys are named by either.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Named {
    Number(u64),
    Text(String),
}

impl Named {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

#[derive(Deserialize)]
struct NewDroplets {
    name: Option<String>,
    names: Option<Vec<String>>,
    region: Option<String>,
    size: Option<String>,
    image: Option<Named>,
    #[serde(default)]
    ssh_keys: Option<Vec<Named>>,
    #[serde(default)]
    backups: bool,
    #[serde(default)]
    ipv6: bool,
    #[serde(default)]
    monitoring: bool,
    tags: Option<Vec<String>>,
    user_data: Option<String>,
    volumes: Option<Vec<String>>,
    vpc_uuid: Option<String>,
}

pub(super) async fn create(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    caller.may(&["droplet:create"])?;
    let new: NewDroplets = parse(&body)?;
    let (now, delays) = (state.now(), state.delays());
    let made = state.change(|books| {
        let drafts = drafts(books, &caller.account, &new)?;
        let mut made = Vec::new();
        for mut droplet in drafts {
            droplet.id = books.number();
            droplet.created_at = now;
            droplet.shown_at = later(now, delays.hidden_ms);
            tags::ensure(books, &caller.account, &droplet.tags);
            let action = Action::on_droplet(books.number(), &droplet, Work::Create, now);
            made.push((droplet.id, action.id));
            books.droplets.insert(droplet.id, droplet);
            books.actions.insert(action.id, action);
        }
        Ok::<_, DigitalOceanError>(made)
    })?;
    for (_, action) in &made {
        work::start(&state, *action);
    }
    let link = |action: u64| {
        let href = format!("{}/v2/actions/{action}", caller.base);
        json!({"id": action, "rel": "create", "href": href})
    };
    let links: Vec<Value> = made.iter().map(|(_, action)| link(*action)).collect();
    let views: Vec<Value> = state.read(|books| {
        let shown = made.iter().filter_map(|(id, _)| books.droplets.get(id));
        shown
            .map(|droplet| views::droplet(books, droplet, Moment { now, delays }))
            .collect()
    });
    let body = match (&new.names, views.first()) {
        (None, Some(only)) => json!({"droplet": only, "links": {"actions": links}}),
        _ => json!({"droplets": views, "links": {"actions": links}}),
    };
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// The droplets that the request asks for, without identifiers, or why not.
fn drafts(
    books: &Books,
    account: &str,
    new: &NewDroplets,
) -> Result<Vec<Droplet>, DigitalOceanError> {
    let refuse = |message: &str| Err(DigitalOceanError::unprocessable(message));
    let names: &[String] = match (&new.name, &new.names) {
        (Some(name), None) => std::slice::from_ref(name),
        (None, Some(names)) if !names.is_empty() => names,
        _ => return refuse("Name can't be blank"),
    };
    if names.len() > NAMES_LIMIT {
        return refuse("Too many Droplets requested in one call; the maximum is 10.");
    }
    let named_well = |name: &String| {
        name.len() <= 255 && NAME.as_ref().is_some_and(|shape| shape.is_match(name))
    };
    if !names.iter().all(named_well) {
        return refuse("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)");
    }
    let region = match &new.region {
        None => Region::find(DEFAULT_REGION),
        Some(slug) => Region::find(slug),
    };
    let Some(region) = region else {
        return refuse("You specified an invalid region for Droplet creation.");
    };
    let Some(size) = new.size.as_deref().and_then(Size::find) else {
        return refuse("You specified an invalid size for Droplet creation.");
    };
    if !region.available || !size.offered_in(region) {
        return refuse("Size is not available in this region.");
    }
    let Some(image) = new
        .image
        .as_ref()
        .and_then(|named| image(books, account, named))
    else {
        return refuse("You specified an invalid image for Droplet creation.");
    };
    if image
        .regions
        .as_ref()
        .is_some_and(|regions| !regions.iter().any(|r| r == region.slug))
    {
        return refuse("The image you specified is not available in the selected region.");
    }
    if size.disk < image.min_disk {
        return refuse("This size's disk is smaller than the image requires.");
    }
    let user_data = new.user_data.clone().unwrap_or_default();
    if user_data.len() > USER_DATA_LIMIT {
        return refuse("User data is too long (maximum is 65536 bytes)");
    }
    let tag_names = new.tags.clone().unwrap_or_default();
    if let Some(bad) = tag_names.iter().find(|name| !tags::is_valid(name)) {
        return Err(DigitalOceanError::unprocessable(tags::invalid(bad)));
    }
    if new
        .volumes
        .as_ref()
        .is_some_and(|volumes| !volumes.is_empty())
    {
        return refuse("The practice cloud has no block storage volumes.");
    }
    let mut public_keys = Vec::new();
    for named in new.ssh_keys.iter().flatten() {
        let named = named.text();
        let Some(key) = account::find(books, account, &named) else {
            let message = format!("{named} are invalid key identifiers for Droplet creation.");
            return Err(DigitalOceanError::unprocessable(message));
        };
        public_keys.push(key.public_key.clone());
    }
    let Some(owner) = books.digitalocean_accounts.get(account) else {
        return Err(DigitalOceanError::unauthorized());
    };
    let running = books
        .droplets
        .values()
        .filter(|droplet| droplet.account == account)
        .count();
    if running + names.len() > owner.droplet_limit {
        return refuse("creating this/these droplet(s) will exceed your droplet limit");
    }
    let mut features = vec!["droplet_agent".to_owned(), "private_networking".to_owned()];
    for (wanted, feature) in [
        (new.backups, "backups"),
        (new.ipv6, "ipv6"),
        (new.monitoring, "monitoring"),
    ] {
        if wanted {
            features.push(feature.to_owned());
        }
    }
    let draft = |name: &String| Droplet {
        id: 0,
        account: account.to_owned(),
        name: name.clone(),
        region: region.slug.to_owned(),
        size: size.slug.to_owned(),
        boot: image.boot.clone(),
        status: DropletStatus::New,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        shown_at: jiff::Timestamp::UNIX_EPOCH,
        active_at: None,
        addresses: None,
        tags: tag_names.clone(),
        features: features.clone(),
        public_keys: public_keys.clone(),
        user_data: user_data.clone(),
        vpc_uuid: new
            .vpc_uuid
            .clone()
            .unwrap_or_else(|| owner.vpc_uuid.clone()),
    };
    Ok(names.iter().map(draft).collect())
}

/// An image that a droplet can boot.
pub(super) struct Bootable {
    pub(super) boot: Boot,
    /// `None` is everywhere.
    regions: Option<Vec<String>>,
    /// GiB.
    min_disk: u64,
}

/// A stock image by slug or number, or a snapshot of the account by number.
pub(super) fn image(books: &Books, account: &str, named: &Named) -> Option<Bootable> {
    let text = named.text();
    let number: Option<u64> = text.parse().ok();
    if let Some(stock) = Stock::find(&text).or_else(|| number.and_then(Stock::by_id)) {
        let boot = Boot::Stock {
            slug: stock.slug.to_owned(),
        };
        return Some(Bootable {
            boot,
            regions: None,
            min_disk: stock.min_disk,
        });
    }
    let image = books.images.get(&number?)?;
    (image.account == account && image.available).then(|| Bootable {
        boot: Boot::Snapshot {
            snapshot_id: image.id,
        },
        regions: Some(image.regions.clone()),
        min_disk: image.min_disk_gb,
    })
}
