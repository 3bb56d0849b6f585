//! Lists, to their end.

use super::wire;
use crate::http::{Call, Session};
use plimsoll_engine::ports::{DiskSnapshot, PortResult};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashSet;

/// Most pages that a list is followed through; 200 items each.
const MOST_PAGES: u32 = 500;

/// All items of a list. Pages are counted, not followed by their links, so that neither a link to
/// another host nor a circle of links leads us anywhere; `links.pages.next` says whether there is
/// more. Items that moved from page to page while we read are kept once.
pub(super) async fn all<T: DeserializeOwned>(
    session: &Session,
    call: Call,
    key: &str,
) -> PortResult<Vec<T>> {
    let call = call.query("per_page", "200");
    let (mut items, mut seen) = (Vec::new(), HashSet::new());
    for page in 1..=MOST_PAGES {
        let call = call.clone().query("page", page.to_string());
        let answer = session.must(&call).await?;
        let Value::Array(found) = &answer.json[key] else {
            return Err(session.incomplete(&call, &answer, key));
        };
        let before = items.len();
        for item in found {
            let identity = ["id", "slug", "ip"].iter().find_map(|name| item.get(name));
            if identity.is_none_or(|id| seen.insert(id.to_string())) {
                items.push(session.part(&call, &answer, key, item.clone())?);
            }
        }
        let more = answer.json["links"]["pages"]["next"].is_string();
        // A page without news means that the links lead in a circle.
        if !more || items.len() == before {
            return Ok(items);
        }
    }
    Ok(items)
}

/// All snapshots of droplets.
pub(super) async fn snapshots(session: &Session) -> PortResult<Vec<DiskSnapshot>> {
    let call = Call::get("list the snapshots at DigitalOcean", &["snapshots"])
        .query("resource_type", "droplet")
        .needs(&["snapshot:read"]);
    let found: Vec<wire::Snapshot> = all(session, call, "snapshots").await?;
    Ok(found.into_iter().map(Into::into).collect())
}
