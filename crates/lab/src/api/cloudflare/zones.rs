//! Zones, and what the resolver and the edge are told about them.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::answer::{Answer, CloudflareError, Parameters, ok, page, parse};
use super::books::{Record, Zone};
use super::guard::Caller;
use crate::api::books::Books;
use crate::api::state::ApiState;
use crate::api::time::micros;
use crate::ground::{PublishedRecord, PublishedZone};

/// Seconds that an automatic time to live stands for.
const AUTOMATIC_TTL: u32 = 300;

/// Tells the ground all zones. A failure is kept for the status and mended by the next telling.
pub(crate) async fn publish(state: &ApiState) {
    let mut last_failure = state.publishing().lock().await;
    let zones: Vec<PublishedZone> = state.read(|books| {
        let active = books.zones.values().filter(|zone| zone.status == "active");
        active.map(|zone| published(books, zone)).collect()
    });
    *last_failure = match state.ground().publish_zones(&zones).await {
        Ok(()) => None,
        Err(error) => {
            tracing::error!(%error, "the resolver and the edge do not know the present zones");
            Some(error.to_string())
        }
    };
}

fn published(books: &Books, zone: &Zone) -> PublishedZone {
    let own = books
        .records
        .values()
        .filter(|record| record.zone == zone.id);
    let published = |record: &Record| PublishedRecord {
        name: record.name.clone(),
        kind: record.kind.clone(),
        content: match record.priority {
            Some(priority) => format!("{priority} {}", record.content),
            None => record.content.clone(),
        },
        ttl: if record.ttl == 1 {
            AUTOMATIC_TTL
        } else {
            record.ttl
        },
        proxied: record.proxied,
    };
    PublishedZone {
        name: zone.name.clone(),
        ssl: zone.ssl(),
        always_use_https: zone
            .settings
            .get("always_use_https")
            .is_some_and(|(value, _)| value == "on"),
        records: own.map(published).collect(),
    }
}

fn view(books: &Books, zone: &Zone) -> Value {
    let account = books.cloudflare_accounts.get(&zone.account);
    json!({
        "id": zone.id,
        "name": zone.name,
        "status": zone.status,
        "paused": false,
        "type": "full",
        "development_mode": 0,
        "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
        "original_name_servers": null,
        "original_registrar": null,
        "original_dnshost": null,
        "created_on": micros(zone.created_at),
        "modified_on": micros(zone.created_at),
        "activated_on": if zone.status == "active" { json!(micros(zone.created_at)) } else { Value::Null },
        "meta": {
            "step": 2,
            "custom_certificate_quota": 0,
            "page_rule_quota": 3,
            "phishing_detected": false,
        },
        "owner": {"id": account.map(|account| &account.user_id), "type": "user",
            "email": account.map(|account| &account.email)},
        "account": {"id": zone.account, "name": account.map(|account| &account.name)},
        "permissions": ["#dns_records:edit", "#dns_records:read", "#ssl:edit", "#ssl:read",
            "#zone:read", "#zone_settings:edit", "#zone_settings:read"],
        "plan": {"id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "name": "Free Website", "price": 0,
            "currency": "USD", "frequency": "", "is_subscribed": false, "can_subscribe": false,
            "legacy_id": "free", "legacy_discount": false, "externally_managed": false},
    })
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    caller.may("zone:read")?;
    let parameters = Parameters::of(query);
    let mut zones = state.read(|books| {
        let account_name = books
            .cloudflare_accounts
            .get(&caller.account)
            .map_or(String::new(), |account| account.name.clone());
        let fits = |zone: &&Zone| {
            let wanted = |name: &str, is: &str| {
                parameters
                    .get(name)
                    .is_none_or(|wanted| wanted.eq_ignore_ascii_case(is))
            };
            caller.reaches(zone)
                && wanted("name", &zone.name)
                && wanted("status", &zone.status)
                && wanted("account.id", &zone.account)
                && wanted("account.name", &account_name)
        };
        let mut found: Vec<&Zone> = books.zones.values().filter(fits).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
            .into_iter()
            .map(|zone| view(books, zone))
            .collect::<Vec<_>>()
    });
    if parameters.get("direction") == Some("desc") {
        zones.reverse();
    }
    let (number, per_page) = parameters.paging(20, 5, 50);
    Ok(page(zones, number, per_page))
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may("zone:read")?;
    let view =
        state.read(|books| Ok::<_, CloudflareError>(view(books, caller.zone(books, &id)?)))?;
    Ok(ok(view))
}

/// The practice edge keeps no cache, so there is nothing to throw away; the request is checked as
/// strictly as the real one.
pub(super) async fn purge_cache(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let zone = state.read(|books| caller.zone(books, &id).cloned())?;
    caller.may("cache:purge")?;
    let body: Map<String, Value> = parse(&body)?;
    let everything = body.get("purge_everything") == Some(&Value::Bool(true));
    let listed = ["files", "tags", "hosts", "prefixes"].iter().any(|kind| {
        body.get(*kind)
            .and_then(Value::as_array)
            .is_some_and(|items| !items.is_empty())
    });
    if everything == listed {
        let message = "Request must contain exactly one of \"purge_everything\", \"files\", \
                       \"tags\", \"hosts\" or \"prefixes\"";
        return Err(CloudflareError::bad(1_012, message));
    }
    Ok(ok(json!({"id": zone.id})))
}
