//! Zone settings.

use axum::Extension;
use axum::extract::{Path, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, CloudflareError, ok, parse};
use super::books::Zone;
use super::guard::Caller;
use super::zones::publish;
use crate::api::state::ApiState;
use crate::api::time::micros;

/// A setting: its name, its default, what else it may be.
struct Setting {
    id: &'static str,
    default: &'static str,
    values: &'static [&'static str],
}

const SWITCH: &[&str] = &["on", "off"];

const fn switch(id: &'static str, default: &'static str) -> Setting {
    Setting {
        id,
        default,
        values: SWITCH,
    }
}

const SETTINGS: &[Setting] = &[
    switch("0rtt", "off"),
    switch("always_online", "off"),
    switch("always_use_https", "off"),
    switch("automatic_https_rewrites", "on"),
    switch("brotli", "on"),
    switch("development_mode", "off"),
    switch("http2", "on"),
    switch("http3", "on"),
    switch("ipv6", "on"),
    Setting {
        id: "min_tls_version",
        default: "1.0",
        values: &["1.0", "1.1", "1.2", "1.3"],
    },
    switch("opportunistic_encryption", "on"),
    Setting {
        id: "ssl",
        default: "full",
        values: &["off", "flexible", "full", "strict"],
    },
    Setting {
        id: "tls_1_3",
        default: "on",
        values: &["on", "off", "zrt"],
    },
    switch("websockets", "on"),
];

impl Setting {
    fn find(id: &str) -> Result<&'static Self, CloudflareError> {
        SETTINGS
            .iter()
            .find(|setting| setting.id == id)
            .ok_or_else(|| CloudflareError::bad(1_003, format!("Undefined zone setting: {id}")))
    }

    fn view(&self, zone: &Zone) -> Value {
        let changed = zone.settings.get(self.id);
        json!({
            "id": self.id,
            "value": changed.map_or_else(|| json!(self.default), |(value, _)| value.clone()),
            "modified_on": changed.map(|(_, at)| micros(*at)),
            "editable": true,
        })
    }

    fn check(&self, value: &Value) -> Result<(), CloudflareError> {
        if value
            .as_str()
            .is_some_and(|value| self.values.contains(&value))
        {
            Ok(())
        } else {
            let message = format!("Invalid value for zone setting {}", self.id);
            Err(CloudflareError::bad(1_007, message))
        }
    }
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let zone = state.read(|books| caller.zone(books, &id).cloned())?;
    caller.may("zone_settings:read")?;
    Ok(ok(SETTINGS
        .iter()
        .map(|setting| setting.view(&zone))
        .collect()))
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path((id, setting)): Path<(String, String)>,
) -> Answer {
    let zone = state.read(|books| caller.zone(books, &id).cloned())?;
    caller.may("zone_settings:read")?;
    Ok(ok(Setting::find(&setting)?.view(&zone)))
}

#[derive(Deserialize)]
struct Edit {
    value: Value,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    value: Value,
}

/// Older clients wrap the list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Items {
    Bare(Vec<Item>),
    Wrapped { items: Vec<Item> },
}

pub(super) async fn edit(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path((id, setting)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let Edit { value } = parse(&body)?;
    let views = change(&state, &caller, &id, vec![Item { id: setting, value }]).await?;
    Ok(ok(views.into_iter().next().unwrap_or(Value::Null)))
}

pub(super) async fn edit_many(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let (Items::Bare(items) | Items::Wrapped { items }) = parse(&body)?;
    Ok(ok(change(&state, &caller, &id, items).await?.into()))
}

/// Changes settings, all or none, and returns their views.
async fn change(
    state: &ApiState,
    caller: &Caller,
    zone: &str,
    items: Vec<Item>,
) -> Result<Vec<Value>, CloudflareError> {
    state.read(|books| caller.zone(books, zone).map(|_| ()))?;
    caller.may("zone_settings:edit")?;
    let now = state.now();
    let views = state.change(|books| {
        let id = caller.zone(books, zone)?.id.clone();
        let zone = books
            .zones
            .get_mut(&id)
            .ok_or_else(CloudflareError::no_access)?;
        let mut views = Vec::new();
        for Item { id, value } in items {
            let setting = Setting::find(&id)?;
            setting.check(&value)?;
            zone.settings.insert(id, (value, now));
            views.push(setting.view(zone));
        }
        Ok::<_, CloudflareError>(views)
    })?;
    publish(state).await;
    Ok(views)
}
