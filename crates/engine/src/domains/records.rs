//! DNS records and the zone's SSL mode, forth and back.

use super::DomainAction;
use crate::{
    ports::{PortResult, SslMode},
    steps::Steps,
    world::World,
};
use plimsoll_domain::{
    ProviderAccountId,
    dns::{DnsRecord, RecordChange},
    server::Provider,
};
use serde_json::{Value, json};

/// Records in an order that does not depend on their provider's mood.
pub(super) fn comparable(mut records: Vec<DnsRecord>) -> Vec<DnsRecord> {
    records.sort_by(|a, b| {
        (&a.kind, &a.content, &a.provider_ref).cmp(&(&b.kind, &b.content, &b.provider_ref))
    });
    records
}

pub(super) fn steps(
    steps: &mut Steps,
    account_id: ProviderAccountId,
    zone_id: &str,
    changes: &[RecordChange],
) {
    for change in changes {
        let title = match (&change.before, &change.after) {
            (None, Some(record)) => format!("Create {} {}", record.kind, record.name),
            (Some(_), Some(record)) => format!("Update {} {}", record.kind, record.name),
            (Some(record), None) => format!("Delete {} {}", record.kind, record.name),
            (None, None) => continue,
        };
        steps
            .then(
                title,
                DomainAction::ChangeRecord {
                    account_id,
                    zone_id: zone_id.to_owned(),
                    change: Box::new(change.clone()),
                },
            )
            .changes([change.shown()])
            .undo("put it back as it was");
    }
}

pub(super) async fn change(
    world: &World,
    account_id: ProviderAccountId,
    zone_id: &str,
    change: &RecordChange,
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Cloudflare).await?;
    let zones = &world.ports.zones;
    match (&change.before, &change.after) {
        (_, Some(record)) => {
            let now = zones.put_record(&account, zone_id, record).await?;
            Ok(json!({"record": now}))
        }
        (Some(record), None) => {
            if let Some(id) = &record.provider_ref {
                zones.delete_record(&account, zone_id, id).await?;
            }
            Ok(json!({"record": null}))
        }
        (None, None) => Ok(Value::Null),
    }
}

pub(super) async fn change_back(
    world: &World,
    account_id: ProviderAccountId,
    zone_id: &str,
    change: &RecordChange,
) -> PortResult<()> {
    let account = world.account(account_id, Provider::Cloudflare).await?;
    let zones = &world.ports.zones;
    match (&change.before, &change.after) {
        (Some(before), Some(_)) => {
            zones.put_record(&account, zone_id, before).await?;
        }
        (Some(before), None) => {
            // Its old id is gone with it; unless the deletion never happened.
            let there = zones.records(&account, zone_id, Some(&before.name)).await?;
            let same =
                |record: &DnsRecord| record.kind == before.kind && record.content == before.content;
            if !there.iter().any(same) {
                let again = DnsRecord {
                    provider_ref: None,
                    ..before.clone()
                };
                zones.put_record(&account, zone_id, &again).await?;
            }
        }
        // Found by what it is, as its id may never have been heard.
        (None, Some(after)) => {
            for record in zones
                .records(&account, zone_id, Some(&after.name))
                .await?
                .iter()
                .filter(|record| {
                    record.kind == after.kind
                        && record.content == after.content
                        && record.comment == after.comment
                })
            {
                if let Some(id) = &record.provider_ref {
                    zones.delete_record(&account, zone_id, id).await?;
                }
            }
        }
        (None, None) => {}
    }
    Ok(())
}

pub(super) async fn is_strict(
    world: &World,
    account_id: ProviderAccountId,
    zone_id: &str,
) -> PortResult<Option<Value>> {
    let account = world.account(account_id, Provider::Cloudflare).await?;
    let mode = world.ports.zones.ssl_mode(&account, zone_id).await?;
    Ok((mode == SslMode::Strict).then(|| json!({"mode": mode})))
}

pub(super) async fn set_mode(
    world: &World,
    account_id: ProviderAccountId,
    zone_id: &str,
    mode: SslMode,
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Cloudflare).await?;
    world
        .ports
        .zones
        .set_ssl_mode(&account, zone_id, mode)
        .await?;
    Ok(json!({"mode": mode}))
}
