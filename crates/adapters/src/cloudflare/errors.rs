//! Cloudflare's refusals, in our codes.

use crate::http::{Answer, Call, Refused, Session};
use plimsoll_engine::ports::{PortError, PortResult};
use serde_json::Value;

/// All errors of an answer with their chains: `81057: An identical record already exists.`
pub(super) fn words(answer: &Answer) -> String {
    let mut lines = Vec::new();
    each(&answer.json["errors"], &mut |code, message| {
        lines.push(format!("{code}: {message}"))
    });
    lines.join("; ")
}

/// Visits errors and what their chains explain them by.
fn each<'a>(errors: &'a Value, visit: &mut impl FnMut(u64, &'a str)) {
    for error in errors.as_array().into_iter().flatten() {
        visit(
            error["code"].as_u64().unwrap_or_default(),
            error["message"].as_str().unwrap_or_default(),
        );
        each(&error["error_chain"], visit);
    }
}

/// Whether one of these codes is among the errors.
pub(super) fn has(answer: &Answer, codes: &[u64]) -> bool {
    let mut found = false;
    each(&answer.json["errors"], &mut |code, _| {
        found |= codes.contains(&code)
    });
    found
}

/// The record is there already, word for word (81058) or with its name and type (81057).
pub(super) const EXISTS: &[u64] = &[81_057, 81_058];

/// Sends a request whose purpose is that something is gone.
pub(super) async fn gone(session: &Session, call: &Call) -> PortResult<()> {
    match session.ask(call).await {
        Ok(_) => Ok(()),
        Err(Refused::Answer(answer)) if answer.status == 404 || has(&answer, &[81_044]) => Ok(()),
        Err(refused) => Err(session.failure(call, &refused)),
    }
}

/// The failure behind an answer that is no success.
pub(super) fn refusal(session: &Session, call: &Call, answer: &Answer) -> PortError {
    let told = |code: &str, what: &str| {
        session.told(
            code,
            format!("Could not {}: {what}.", call.doing),
            call,
            answer,
        )
    };
    let said = words(answer).to_ascii_lowercase();
    // 6003 and below it 6111: the header is malformed. 1000: no such token.
    let bad_token =
        has(answer, &[6_003, 6_103, 6_111, 1_000]) || said.contains("invalid access token");
    match answer.status {
        401 => told("unauthorized", "Cloudflare does not accept the token")
            .next_step(session.service.new_token()),
        400 | 403 if bad_token => told("unauthorized", "Cloudflare does not accept the token")
            .next_step(session.service.new_token()),
        403 => {
            let needs = call.needs.join(" and ");
            told(
                "forbidden_scope",
                &format!("the token lacks the permission {needs}, or does not cover this zone"),
            )
            .next_step(format!(
                "Add {needs} for this zone to the token at {}.",
                session.service.tokens_at
            ))
        }
        _ if has(answer, EXISTS) => told("record_exists", "there is such a record already")
            .next_step("Choose another name, or delete the record that is there."),
        _ if has(answer, &[81_053, 81_054]) => told(
            "record_conflict",
            "a CNAME and other records cannot share a name",
        )
        .next_step("Delete the record that is in the way, or choose another name."),
        _ if has(answer, &[9_003, 9_004]) => told(
            "record_not_proxiable",
            "this record cannot pass through Cloudflare",
        )
        .next_step("Use a public address, or switch the proxy off for this record."),
        _ if has(answer, &[9_005]) => told("record_bad_address", "the address is not valid")
            .next_step("Correct the record's content."),
        _ if has(answer, &[9_021]) => told("record_bad_ttl", "the time to live is not valid")
            .next_step("Use 1 (automatic), or 60 to 86,400 seconds."),
        404 => told("not_found", "Cloudflare does not have it")
            .next_step("It may have been deleted elsewhere; refresh and try again."),
        _ => told("invalid", "Cloudflare refuses the request")
            .next_step("Change what the answer names, then try again."),
    }
}
