//! Lists, to their end.

use super::wire;
use crate::http::{Call, Session};
use plimsoll_engine::ports::{PortResult, Zone};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashSet;

/// Most pages that a list is followed through.
const MOST_PAGES: u64 = 2_000;

/// All items of a list. `result_info` says how many there are; a page without news ends it too.
pub(super) async fn all<T: DeserializeOwned>(
    session: &Session,
    call: Call,
    per_page: u64,
) -> PortResult<Vec<T>> {
    let call = call.query("per_page", per_page.to_string());
    let (mut items, mut seen) = (Vec::new(), HashSet::new());
    for page in 1..=MOST_PAGES {
        let call = call.clone().query("page", page.to_string());
        let answer = session.must(&call).await?;
        let Value::Array(found) = &answer.json["result"] else {
            return Err(session.incomplete(&call, &answer, "result"));
        };
        let before = items.len();
        for item in found {
            if item.get("id").is_none_or(|id| seen.insert(id.to_string())) {
                items.push(session.part(&call, &answer, "result", item.clone())?);
            }
        }
        let number = |key: &str| answer.json["result_info"][key].as_u64();
        let total = number("total_count").unwrap_or(0);
        let size = number("per_page").unwrap_or(per_page);
        if page.saturating_mul(size) >= total || items.len() == before {
            return Ok(items);
        }
    }
    Ok(items)
}

/// All zones that the token can see.
pub(super) async fn zones(session: &Session) -> PortResult<Vec<Zone>> {
    let call = Call::get("list the zones", &["zones"]).needs(&["Zone: Zone: Read"]);
    let found: Vec<wire::Zone> = all(session, call, 50).await?;
    Ok(found.into_iter().map(Into::into).collect())
}
