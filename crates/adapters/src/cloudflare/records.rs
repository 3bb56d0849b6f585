//! DNS records, found again by name, kind and comment.

use super::{errors, list, wire};
use crate::http::{Answer, Call, Session};
use plimsoll_domain::dns::DnsRecord;
use plimsoll_engine::ports::PortResult;
use serde_json::{Value, json};

/// What writing a record needs.
pub(super) const EDIT: &[&str] = &["Zone: DNS: Edit"];

/// Records of a name in a zone; all records with `None`.
pub(super) async fn all(
    session: &Session,
    zone_id: &str,
    name: Option<&str>,
) -> PortResult<Vec<DnsRecord>> {
    let mut call = Call::get("list the DNS records", &["zones", zone_id, "dns_records"])
        .needs(&["Zone: DNS: Read"]);
    if let Some(name) = name {
        call = call.query("name", name);
    }
    let found: Vec<wire::Record> = list::all(session, call, 100).await?;
    Ok(found.into_iter().map(Into::into).collect())
}

/// Creates the record, or updates the one with its provider's id, or the one that an attempt
/// which was cut off has left.
pub(super) async fn put(
    session: &Session,
    zone_id: &str,
    record: &DnsRecord,
) -> PortResult<DnsRecord> {
    let existing = match &record.provider_ref {
        Some(id) => Some(id.clone()),
        None => same(session, zone_id, record)
            .await?
            .and_then(|found| found.provider_ref),
    };
    let shown = format!("{} {}", record.kind, record.name);
    if let Some(id) = existing {
        // PATCH leaves what we do not know of (tags, priority) as it is.
        let call = Call::patch(
            format!("update the DNS record {shown}"),
            &["zones", zone_id, "dns_records", &id],
            body(record),
        )
        .repeatable()
        .needs(EDIT);
        let answer = session.must(&call).await?;
        return session
            .read::<wire::Record>(&call, &answer, "result")
            .map(Into::into);
    }
    let call = Call::post(
        format!("create the DNS record {shown}"),
        &["zones", zone_id, "dns_records"],
        body(record),
    )
    .needs(EDIT);
    let read = |answer: &Answer| {
        session
            .read::<wire::Record>(&call, answer, "result")
            .map(Into::into)
    };
    match session
        .create(&call, read, || same(session, zone_id, record))
        .await?
    {
        Ok(created) => Ok(created),
        Err(answer) => {
            // Word for word what we want and marked as ours: nothing is in the way.
            let found = if errors::has(&answer, errors::EXISTS) && !record.comment.is_empty() {
                same(session, zone_id, record)
                    .await?
                    .filter(|found| found.content == record.content)
            } else {
                None
            };
            found.ok_or_else(|| errors::refusal(session, &call, &answer))
        }
    }
}

/// The record with the same name, kind and comment.
async fn same(
    session: &Session,
    zone_id: &str,
    record: &DnsRecord,
) -> PortResult<Option<DnsRecord>> {
    // Without a comment of ours it could be anybody's.
    if record.comment.is_empty() {
        return Ok(None);
    }
    let all = all(session, zone_id, Some(&record.name)).await?;
    Ok(all.into_iter().find(|found| {
        found.kind == record.kind
            && found.comment == record.comment
            && found.name.eq_ignore_ascii_case(&record.name)
    }))
}

fn body(record: &DnsRecord) -> Value {
    let mut body = json!({
        "type": record.kind,
        "name": record.name,
        "content": record.content,
        "ttl": record.ttl,
        "comment": record.comment,
    });
    // Other kinds cannot be proxied, and the API refuses the field for some of them.
    if matches!(record.kind.as_str(), "A" | "AAAA" | "CNAME") {
        body["proxied"] = Value::from(record.proxied);
    }
    body
}
