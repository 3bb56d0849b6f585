//! DNS records.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{Answer, CloudflareError, Parameters, ok, page, parse};
use super::books::Record;
use super::filter::fits;
use super::guard::{Caller, check_identifier};
use super::rules::{Draft, Wish, check_neighbours, draft, proxiable};
use super::zones::publish;
use crate::api::books::Books;
use crate::api::state::ApiState;
use crate::api::time::micros;

fn view(record: &Record) -> Value {
    let mut view = json!({
        "id": record.id,
        "name": record.name,
        "type": record.kind,
        "content": record.content,
        "proxiable": proxiable(&record.kind),
        "proxied": record.proxied,
        "ttl": record.ttl,
        "settings": {},
        "meta": {},
        "tags": record.tags,
        "created_on": micros(record.created_at),
        "modified_on": micros(record.modified_at),
    });
    if let Some(comment) = &record.comment {
        view["comment"] = json!(comment);
        view["comment_modified_on"] = json!(micros(record.modified_at));
    }
    if let Some(data) = &record.data {
        view["data"] = data.clone();
    }
    if let Some(priority) = record.priority {
        view["priority"] = json!(priority);
    }
    view
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(zone): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let parameters = Parameters::of(query);
    let mut found: Vec<Record> = state.read(|books| {
        let zone = caller.zone(books, &zone)?;
        caller.may("dns:read")?;
        let listed = |record: &&Record| record.zone == zone.id && fits(record, &parameters);
        Ok::<_, CloudflareError>(books.records.values().filter(listed).cloned().collect())
    })?;
    found.sort_by(|a, b| match parameters.get("order") {
        Some("type") => a.kind.cmp(&b.kind),
        Some("content") => a.content.cmp(&b.content),
        Some("ttl") => a.ttl.cmp(&b.ttl),
        Some("proxied") => a.proxied.cmp(&b.proxied),
        _ => (&a.name, &a.kind, &a.id).cmp(&(&b.name, &b.kind, &b.id)),
    });
    if parameters.get("direction") == Some("desc") {
        found.reverse();
    }
    let (number, per_page) = parameters.paging(100, 1, 5_000_000);
    Ok(page(found.iter().map(view).collect(), number, per_page))
}

/// A record of a zone that the caller reaches.
fn own<'a>(
    books: &'a Books,
    caller: &Caller,
    zone: &str,
    id: &str,
) -> Result<&'a Record, CloudflareError> {
    let zone = caller.zone(books, zone)?;
    check_identifier(id, &format!("zones/{}/dns_records", zone.id))?;
    books
        .records
        .get(id)
        .filter(|record| record.zone == zone.id)
        .ok_or_else(|| {
            CloudflareError::new(StatusCode::NOT_FOUND, 81_044, "Record does not exist.")
        })
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path((zone, id)): Path<(String, String)>,
) -> Answer {
    let view = state.read(|books| {
        let record = own(books, &caller, &zone, &id)?;
        caller.may("dns:read")?;
        Ok::<_, CloudflareError>(view(record))
    })?;
    Ok(ok(view))
}

pub(super) async fn create(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(zone): Path<String>,
    body: Bytes,
) -> Answer {
    let (id, now) = (state.mint().hex32(), state.now());
    let view = state.change(|books| {
        let zone = caller.zone(books, &zone)?;
        caller.may("dns:edit")?;
        let draft = draft(zone, None, parse::<Wish>(&body)?)?;
        check_neighbours(books, zone, &draft, None)?;
        let record = draft.record(id, zone.id.clone(), now, now);
        let view = view(&record);
        books.records.insert(record.id.clone(), record);
        Ok::<_, CloudflareError>(view)
    })?;
    publish(&state).await;
    Ok(ok(view))
}

pub(super) async fn replace(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path((zone, id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    change(&state, &caller, (&zone, &id), &body, |_| None).await
}

pub(super) async fn edit(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path((zone, id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    change(&state, &caller, (&zone, &id), &body, |record| {
        Some(Draft::of(record))
    })
    .await
}

/// Rewrites a record; `keep` says what absent fields fall back to.
async fn change(
    state: &ApiState,
    caller: &Caller,
    (zone, id): (&str, &str),
    body: &Bytes,
    keep: fn(&Record) -> Option<Draft>,
) -> Answer {
    let now = state.now();
    let view = state.change(|books| {
        let zone_id = zone;
        let zone = caller.zone(books, zone_id)?;
        caller.may("dns:edit")?;
        let before = own(books, caller, zone_id, id)?;
        let draft = draft(zone, keep(before), parse::<Wish>(body)?)?;
        check_neighbours(books, zone, &draft, Some(id))?;
        let (id, zone_id) = (before.id.clone(), before.zone.clone());
        let record = draft.record(id, zone_id, before.created_at, now);
        let view = view(&record);
        books.records.insert(record.id.clone(), record);
        Ok::<_, CloudflareError>(view)
    })?;
    publish(state).await;
    Ok(ok(view))
}

pub(super) async fn delete_one(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path((zone, id)): Path<(String, String)>,
) -> Answer {
    state.change(|books| {
        // Permission comes before existence, so a probe without it learns nothing but that.
        caller.zone(books, &zone)?;
        caller.may("dns:edit")?;
        own(books, &caller, &zone, &id)?;
        books.records.remove(&id);
        Ok::<_, CloudflareError>(())
    })?;
    publish(&state).await;
    Ok(ok(json!({"id": id})))
}
