//! Whose token it is, and what it lacks.

use super::{SERVICE, errors, wire};
use crate::http::{Answer, Call, Pool, Refused, Session};
use plimsoll_domain::{Secret, server::Endpoint};
use plimsoll_engine::ports::{PortResult, TokenReport};
use std::sync::Arc;

const DOING: &str = "verify the token";
/// An id that no record has.
const NO_RECORD: &str = "00000000000000000000000000000000";
const NO_CERTIFICATE: &str = "0";

/// Asks whose token this is and which permissions are refused. A token of a user and one of an
/// account have a call of their own each; the second one needs the account's id, which zones and
/// the list of accounts tell.
pub(crate) async fn verify(
    pool: &Arc<Pool>,
    endpoint: &Endpoint,
    token: &Secret,
) -> PortResult<TokenReport> {
    let session = pool
        .session(&SERVICE, endpoint, token)
        .map_err(|trouble| SERVICE.unusable(DOING, trouble))?;
    let mut report = TokenReport {
        owner: String::new(),
        limits: Vec::new(),
        missing_scopes: Vec::new(),
        expires_at: None,
    };
    let as_user = Call::get(DOING, &["user", "tokens", "verify"]);
    let refused = match session.ask(&as_user).await {
        Ok(answer) => {
            judge(&session, &as_user, &answer, &mut report)?;
            None
        }
        Err(Refused::Answer(answer)) if matches!(answer.status, 400 | 401 | 403) => Some(answer),
        Err(refused) => return Err(session.failure(&as_user, &refused)),
    };
    // A malformed token is nobody's.
    if let Some(answer) = refused
        .as_ref()
        .filter(|answer| errors::has(answer, &[6_003, 6_111]))
    {
        return Err(errors::refusal(&session, &as_user, answer));
    }
    let zones = Call::get(DOING, &["zones"])
        .query("per_page", "5")
        .needs(&["Zone: Zone: Read"]);
    let zones_answer = allowed(&session, &zones, &mut report).await?;
    let accounts = Call::get(DOING, &["accounts"]).query("per_page", "5");
    let accounts_answer = answered(&session, &accounts).await?;
    let zone = zones_answer
        .as_ref()
        .map(|answer| &answer.json["result"][0]);
    let listed = accounts_answer
        .as_ref()
        .map(|answer| &answer.json["result"][0]);
    let account = |key: &str| {
        let told = |from: Option<&serde_json::Value>| {
            from.and_then(|account| account[key].as_str())
                .map(str::to_owned)
        };
        told(listed).or_else(|| told(zone.map(|zone| &zone["account"])))
    };
    if let Some(answer) = refused {
        let Some(id) = account("id") else {
            return Err(errors::refusal(&session, &as_user, &answer));
        };
        let call = Call::get(DOING, &["accounts", &id, "tokens", "verify"]);
        let answer = session.must(&call).await?;
        judge(&session, &call, &answer, &mut report)?;
        report.limits.push("kind: account-owned token".to_owned());
    } else {
        report.limits.push("kind: user token".to_owned());
    }
    let user = Call::get(DOING, &["user"]);
    let email = answered(&session, &user).await?;
    let email = email.and_then(|answer| answer.json["result"]["email"].as_str().map(str::to_owned));
    report.owner = match (email, account("name")) {
        (Some(email), Some(name)) => format!("{email} ({name})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "a Cloudflare account that the token may not read".to_owned(),
    };
    let count = zones_answer
        .as_ref()
        .and_then(|a| a.json["result_info"]["total_count"].as_u64());
    report.limits.push(format!("zones: {}", count.unwrap_or(0)));
    match zone.and_then(|zone| zone["id"].as_str()) {
        Some(id) => probe(&session, id, &mut report).await?,
        // Without the permission the list of zones is empty rather than refused.
        None => report.limits.push(
            "permissions: not known, as the token sees no zone (or lacks Zone: Zone: Read)"
                .to_owned(),
        ),
    }
    Ok(report)
}

/// Refuses a token that is not active, and takes over when it expires.
fn judge(
    session: &Session,
    call: &Call,
    answer: &Answer,
    report: &mut TokenReport,
) -> PortResult<()> {
    let token: wire::TokenStatus = session.read(call, answer, "result")?;
    if token.status != "active" {
        return Err(session
            .told(
                "token_inactive",
                format!("Cloudflare says that the token is {}.", token.status),
                call,
                answer,
            )
            .next_step(session.service.new_token()));
    }
    report.expires_at = token.expires_on;
    Ok(())
}

/// Asks for each permission in the first zone. What writes is sent to ids that do not exist.
async fn probe(session: &Session, zone: &str, report: &mut TokenReport) -> PortResult<()> {
    let calls = [
        Call::get(DOING, &["zones", zone, "dns_records"])
            .query("per_page", "5")
            .needs(&["Zone: DNS: Read"]),
        Call::delete(DOING, &["zones", zone, "dns_records", NO_RECORD]).needs(&["Zone: DNS: Edit"]),
        Call::get(DOING, &["zones", zone, "settings", "ssl"]).needs(&["Zone: Zone Settings: Read"]),
        Call::get(DOING, &["certificates"])
            .query("zone_id", zone)
            .needs(&["Zone: SSL and Certificates: Read"]),
        Call::delete(DOING, &["certificates", NO_CERTIFICATE])
            .needs(&["Zone: SSL and Certificates: Edit"]),
    ];
    for call in &calls {
        allowed(session, call, report).await?;
    }
    report
        .limits
        .push("not checked before first use: Zone: Zone Settings: Edit".to_owned());
    Ok(())
}

/// The answer, when there is one; a refusal for lack of permission is noted in the report.
async fn allowed(
    session: &Session,
    call: &Call,
    report: &mut TokenReport,
) -> PortResult<Option<Answer>> {
    match session.ask(call).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Refused::Answer(answer)) => {
            if matches!(answer.status, 401 | 403) {
                report
                    .missing_scopes
                    .extend(call.needs.iter().map(|need| (*need).to_owned()));
            }
            Ok(None)
        }
        Err(refused) => Err(session.failure(call, &refused)),
    }
}

/// The answer, when there is one; that there is none means nothing.
async fn answered(session: &Session, call: &Call) -> PortResult<Option<Answer>> {
    match session.ask(call).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Refused::Answer(_)) => Ok(None),
        Err(refused) => Err(session.failure(call, &refused)),
    }
}
