//! The lab's own interface: accounts, tokens, zones, faults, and what was received.
//!
//! Every request carries `Authorization: Bearer` with the control token of `credentials.json`.
//!
//! | Request below `/lab/v1` | Body | Does |
//! |---|---|---|
//! | `GET status` | | counts, zones, faults in force, why the resolver was not told |
//! | `POST accounts` | `{cloud, name}` | another account; `{account}` |
//! | `POST tokens` | `{cloud, account?, scopes?, zones?, owner?, expires_in_ms?}` | `{id, token}` |
//! | `DELETE tokens/{id}` | | the token is unknown from now on |
//! | `POST zones` | `{name, account?, status?}` | `{zone}` |
//! | `POST faults` | [`FaultRule`] | answers go wrong; `{id}` |
//! | `GET faults`, `DELETE faults[/{id}]` | | lists or ends them |
//! | `POST setbacks` | [`SetbackRule`] | actions fail or hang |
//! | `GET setbacks`, `DELETE setbacks` | | lists them; ends them and lets go what hangs |
//! | `POST droplets/{id}/fault` | [`DropletFault`] | a machine goes wrong, or is mended |
//! | `GET limits`, `PUT limits` | [`LimitSettings`] | rate limits; setting them forgives |
//! | `GET delays`, `PUT delays` | [`Delays`] | how long the clouds take |
//! | `GET requests?since=`, `DELETE requests` | | what the clouds received |
//! | `GET origin-ca` | | the Origin CA's certificate |
//!
//! `cloud` is `digitalocean` or `cloudflare`. DigitalOcean's scopes are the public ones
//! (`droplet:create`); Cloudflare's permissions are `account:read`, `user:read`, `zone:read`,
//! `dns:read`, `dns:edit`, `zone_settings:read`, `zone_settings:edit`, `ssl:read`, `ssl:edit` and
//! `cache:purge`.

use std::collections::BTreeSet;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::books::Books;
use super::cloudflare;
use super::cloudflare::books::{CloudflareAccount, Zone};
use super::digitalocean::books::DigitalOceanAccount;
use super::faults::FaultRule;
use super::folder::{Credentials, FolderError};
use super::limits::LimitSettings;
use super::mint::Mint;
use super::setbacks::SetbackRule;
use super::state::{ApiState, Delays};
use super::time::later;
use super::token::{Cloud, Owner, Token, bearer};
use crate::ground::DropletFault;

/// Routes under `/lab/v1`.
pub(super) fn routes(state: &ApiState) -> Router<ApiState> {
    Router::new()
        .route("/status", get(status))
        .route("/accounts", post(create_account))
        .route("/tokens", post(create_token))
        .route("/tokens/{id}", delete(delete_token))
        .route("/zones", post(create_zone))
        .route(
            "/faults",
            get(list_faults).post(add_fault).delete(clear_faults),
        )
        .route("/faults/{id}", delete(clear_fault))
        .route(
            "/setbacks",
            get(list_setbacks).post(add_setback).delete(clear_setbacks),
        )
        .route("/droplets/{id}/fault", post(droplet_fault))
        .route("/limits", get(show_limits).put(set_limits))
        .route("/delays", get(show_delays).put(set_delays))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/origin-ca", get(origin_ca))
        .fallback(|| async { ControlError::not_found("route") })
        .layer(from_fn_with_state(state.clone(), guard))
}

/// An error of the control interface.
struct ControlError {
    status: StatusCode,
    message: String,
}

impl ControlError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    fn not_found(noun: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            format!("There is no such {noun} in this lab."),
        )
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (
            self.status,
            Json(json!({"error": {"message": self.message}})),
        )
            .into_response()
    }
}

impl From<FolderError> for ControlError {
    fn from(error: FolderError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

type Answer = Result<Response, ControlError>;

async fn guard(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let wanted = Token::hash_of(&state.credentials().control_token);
    // Hashes are compared, so that the time it takes says nothing about the token.
    if bearer(request.headers()).is_some_and(|secret| Token::hash_of(secret) == wanted) {
        return next.run(request).await;
    }
    let message = "The control token of this lab is needed; it is in its state folder.";
    ControlError::new(StatusCode::UNAUTHORIZED, message).into_response()
}

/// Founds both clouds, as far as they are not there: an account each and a zone; and issues a token
/// for each that may do everything.
pub(super) fn found(books: &mut Books, mint: &Mint, zone: &str, now: Timestamp) -> Credentials {
    let first = books.digitalocean_accounts.keys().next().cloned();
    let digitalocean_account =
        first.unwrap_or_else(|| digitalocean_account(books, mint, "Practice"));
    let first = books.cloudflare_accounts.keys().next().cloned();
    let cloudflare_account =
        first.unwrap_or_else(|| cloudflare_account(books, mint, "Practice", now));
    let everything = || BTreeSet::from(["*".to_owned()]);
    let mut token = |cloud, account: &str| {
        let draft = Draft {
            cloud,
            owner: Owner::User,
            account: account.to_owned(),
            scopes: everything(),
            zones: BTreeSet::new(),
            expires_at: None,
        };
        issue(books, mint, draft).1
    };
    let digitalocean_token = token(Cloud::DigitalOcean, &digitalocean_account);
    let cloudflare_token = token(Cloud::Cloudflare, &cloudflare_account);
    if !books.zones.values().any(|held| held.name == zone) {
        add_zone(books, mint, &cloudflare_account, zone, "active", now);
    }
    Credentials {
        digitalocean_token,
        cloudflare_token,
        control_token: format!("lab_{}", mint.hex64()),
        digitalocean_account,
        cloudflare_account,
        zone: zone.to_owned(),
    }
}

fn digitalocean_account(books: &mut Books, mint: &Mint, name: &str) -> String {
    let uuid = mint.uuid();
    let account = DigitalOceanAccount {
        uuid: uuid.clone(),
        team_uuid: mint.uuid(),
        name: name.to_owned(),
        email: "practice@plimsoll.test".to_owned(),
        project_id: mint.uuid(),
        vpc_uuid: mint.uuid(),
        droplet_limit: 25,
        reserved_ip_limit: 3,
    };
    books.digitalocean_accounts.insert(uuid.clone(), account);
    uuid
}

fn cloudflare_account(books: &mut Books, mint: &Mint, name: &str, now: Timestamp) -> String {
    let id = mint.hex32();
    let account = CloudflareAccount {
        id: id.clone(),
        name: name.to_owned(),
        user_id: mint.hex32(),
        email: "practice@plimsoll.test".to_owned(),
        created_at: now,
    };
    books.cloudflare_accounts.insert(id.clone(), account);
    id
}

struct Draft {
    cloud: Cloud,
    owner: Owner,
    account: String,
    scopes: BTreeSet<String>,
    zones: BTreeSet<String>,
    expires_at: Option<Timestamp>,
}

/// Puts a token onto the books; returns its identifier and its secret, which is kept nowhere.
fn issue(books: &mut Books, mint: &Mint, draft: Draft) -> (String, String) {
    let secret = match draft.cloud {
        Cloud::DigitalOcean => format!("dop_v1_{}", mint.hex64()),
        Cloud::Cloudflare => mint.cloudflare_token(),
    };
    let id = mint.hex32();
    let Draft {
        cloud,
        owner,
        account,
        scopes,
        zones,
        expires_at,
    } = draft;
    let hash = Token::hash_of(&secret);
    books.tokens.push(Token {
        id: id.clone(),
        cloud,
        owner,
        account,
        hash,
        scopes,
        zones,
        expires_at,
    });
    (id, secret)
}

fn add_zone(
    books: &mut Books,
    mint: &Mint,
    account: &str,
    name: &str,
    status: &str,
    now: Timestamp,
) -> String {
    let id = mint.hex32();
    let zone = Zone {
        id: id.clone(),
        account: account.to_owned(),
        name: name.to_owned(),
        status: status.to_owned(),
        created_at: now,
        settings: std::collections::BTreeMap::new(),
    };
    books.zones.insert(id.clone(), zone);
    id
}

async fn status(State(state): State<ApiState>) -> Json<Value> {
    let unpublished = state.publishing().lock().await.clone();
    let faults = state.faults().list(state.now()).len();
    Json(state.read(|books| {
        json!({
            "droplets": books.droplets.len(),
            "snapshots": books.images.len(),
            "reserved_ips": books.reserved_ips.len(),
            "firewalls": books.firewalls.len(),
            "zones": books.zones.values().map(|zone| &zone.name).collect::<Vec<_>>(),
            "records": books.records.len(),
            "certificates": books.origin_certificates.len(),
            "pending_removals": books.doomed_droplets.len() + books.doomed_snapshots.len(),
            "requests": state.journal().count(),
            "faults": faults,
            "publish_error": unpublished,
        })
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    cloud: Cloud,
    name: String,
}

async fn create_account(State(state): State<ApiState>, Json(new): Json<NewAccount>) -> Answer {
    let now = state.now();
    let id = state.change(|books| {
        Ok::<_, ControlError>(match new.cloud {
            Cloud::DigitalOcean => digitalocean_account(books, state.mint(), &new.name),
            Cloud::Cloudflare => cloudflare_account(books, state.mint(), &new.name, now),
        })
    })?;
    Ok((StatusCode::CREATED, Json(json!({"account": id}))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    cloud: Cloud,
    /// Absent means the default account.
    account: Option<String>,
    /// Absent means everything.
    scopes: Option<BTreeSet<String>>,
    /// Zone names; absent means all zones of the account.
    #[serde(default)]
    zones: BTreeSet<String>,
    #[serde(default)]
    owner: Owner,
    /// Milliseconds; 0 is expired from the start.
    expires_in_ms: Option<u64>,
}

async fn create_token(State(state): State<ApiState>, Json(new): Json<NewToken>) -> Answer {
    let now = state.now();
    let (id, secret) = state.change(|books| {
        let credentials = state.credentials();
        let account = new.account.unwrap_or_else(|| match new.cloud {
            Cloud::DigitalOcean => credentials.digitalocean_account.clone(),
            Cloud::Cloudflare => credentials.cloudflare_account.clone(),
        });
        let known = match new.cloud {
            Cloud::DigitalOcean => books.digitalocean_accounts.contains_key(&account),
            Cloud::Cloudflare => books.cloudflare_accounts.contains_key(&account),
        };
        if !known {
            return Err(ControlError::not_found("account"));
        }
        let draft = Draft {
            cloud: new.cloud,
            owner: new.owner,
            account,
            scopes: new
                .scopes
                .unwrap_or_else(|| BTreeSet::from(["*".to_owned()])),
            zones: new.zones,
            expires_at: new.expires_in_ms.map(|ms| later(now, ms)),
        };
        Ok(issue(books, state.mint(), draft))
    })?;
    Ok((
        StatusCode::CREATED,
        Json(json!({"id": id, "token": secret})),
    )
        .into_response())
}

async fn delete_token(State(state): State<ApiState>, Path(id): Path<String>) -> Answer {
    state.change(|books| {
        let before = books.tokens.len();
        books.tokens.retain(|token| token.id != id);
        if books.tokens.len() == before {
            return Err(ControlError::not_found("token"));
        }
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewZone {
    name: String,
    account: Option<String>,
    /// `active`, the default, or `pending`.
    status: Option<String>,
}

async fn create_zone(State(state): State<ApiState>, Json(new): Json<NewZone>) -> Answer {
    let (now, name) = (state.now(), new.name.to_ascii_lowercase());
    let status = new.status.unwrap_or_else(|| "active".to_owned());
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let named_well = name.contains('.') && name.split('.').all(label);
    if !named_well || !matches!(status.as_str(), "active" | "pending") {
        let message = "A zone needs a domain name, and the status active or pending.";
        return Err(ControlError::new(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    let id = state.change(|books| {
        let account = new
            .account
            .unwrap_or_else(|| state.credentials().cloudflare_account.clone());
        if !books.cloudflare_accounts.contains_key(&account) {
            return Err(ControlError::not_found("account"));
        }
        if books.zones.values().any(|zone| zone.name == name) {
            let message = format!("The zone {name} exists already.");
            return Err(ControlError::new(StatusCode::CONFLICT, message));
        }
        Ok(add_zone(books, state.mint(), &account, &name, &status, now))
    })?;
    cloudflare::publish(&state).await;
    Ok((StatusCode::CREATED, Json(json!({"zone": id}))).into_response())
}

async fn list_faults(State(state): State<ApiState>) -> Json<Value> {
    let faults = state.faults().list(state.now());
    let view = |(id, rule): (u64, FaultRule)| json!({"id": id, "rule": rule});
    Json(json!({"faults": faults.into_iter().map(view).collect::<Vec<_>>()}))
}

async fn add_fault(State(state): State<ApiState>, Json(rule): Json<FaultRule>) -> Answer {
    let id = state
        .faults()
        .add(rule, state.now())
        .map_err(|error| ControlError::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))).into_response())
}

async fn clear_faults(State(state): State<ApiState>) -> Json<Value> {
    Json(json!({"cleared": state.faults().clear(None)}))
}

async fn clear_fault(State(state): State<ApiState>, Path(id): Path<u64>) -> Answer {
    if state.faults().clear(Some(id)) == 0 {
        return Err(ControlError::not_found("fault"));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn list_setbacks(State(state): State<ApiState>) -> Json<Value> {
    Json(json!({"setbacks": state.setbacks().list()}))
}

async fn add_setback(State(state): State<ApiState>, Json(rule): Json<SetbackRule>) -> StatusCode {
    state.setbacks().add(rule);
    StatusCode::NO_CONTENT
}

async fn clear_setbacks(State(state): State<ApiState>) -> Json<Value> {
    Json(json!({"cleared": state.setbacks().clear()}))
}

async fn droplet_fault(
    State(state): State<ApiState>,
    Path(id): Path<u64>,
    Json(fault): Json<DropletFault>,
) -> Answer {
    if !state.read(|books| books.droplets.contains_key(&id)) {
        return Err(ControlError::not_found("droplet"));
    }
    state
        .ground()
        .fault(id, &fault)
        .await
        .map_err(|error| ControlError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn show_limits(State(state): State<ApiState>) -> Json<LimitSettings> {
    Json(state.limits().settings())
}

async fn set_limits(
    State(state): State<ApiState>,
    Json(settings): Json<LimitSettings>,
) -> Json<LimitSettings> {
    state.limits().set(settings);
    Json(settings)
}

async fn show_delays(State(state): State<ApiState>) -> Json<Delays> {
    Json(state.delays())
}

async fn set_delays(State(state): State<ApiState>, Json(delays): Json<Delays>) -> Json<Delays> {
    state.set_delays(delays);
    Json(delays)
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

async fn requests(
    State(state): State<ApiState>,
    Query(Since { since }): Query<Since>,
) -> Json<Value> {
    Json(json!({"requests": state.journal().since(since)}))
}

async fn clear_requests(State(state): State<ApiState>) -> StatusCode {
    state.journal().clear();
    StatusCode::NO_CONTENT
}

async fn origin_ca(State(state): State<ApiState>) -> Json<Value> {
    Json(json!({"certificate": state.origin_ca_pem()}))
}
