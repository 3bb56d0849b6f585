//! What happens before and after every handler: authentication, rate limits, headers.

use axum::extract::{OriginalUri, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::CloudflareError;
use super::books::Zone;
use crate::api::books::Books;
use crate::api::limits::{Allowance, Verdict};
use crate::api::state::ApiState;
use crate::api::token::{Cloud, Owner, Token, bearer};

const JSON: &str = "application/json";

/// Who asks.
#[derive(Clone)]
pub(super) struct Caller {
    /// Identifier of the account.
    pub(super) account: String,
    pub(super) token: Token,
}

impl Caller {
    /// Refuses unless the token has the permission; editing includes reading.
    pub(super) fn may(&self, permission: &str) -> Result<(), CloudflareError> {
        let edit = permission
            .strip_suffix(":read")
            .map(|noun| format!("{noun}:edit"));
        if self.token.allows(permission) || edit.is_some_and(|edit| self.token.allows(&edit)) {
            Ok(())
        } else {
            Err(CloudflareError::authentication(StatusCode::FORBIDDEN))
        }
    }

    pub(super) fn reaches(&self, zone: &Zone) -> bool {
        zone.account == self.account && self.token.reaches_zone(&zone.name)
    }

    /// The zone with this identifier, if the token reaches it.
    pub(super) fn zone<'a>(&self, books: &'a Books, id: &str) -> Result<&'a Zone, CloudflareError> {
        check_identifier(id, "zones")?;
        let zone = books.zones.get(id).filter(|zone| self.reaches(zone));
        zone.ok_or_else(CloudflareError::no_access)
    }
}

/// Identifiers are 32 hexadecimal digits; anything else is not even routed.
pub(super) fn check_identifier(id: &str, noun: &str) -> Result<(), CloudflareError> {
    if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(())
    } else {
        Err(CloudflareError::bad_identifier(&format!(
            "/client/v4/{noun}/{id}"
        )))
    }
}

pub(super) async fn guard(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    mut request: Request,
    next: Next,
) -> Response {
    let (mut response, allowance) = match admit(&state, uri.path(), &request) {
        Err((error, allowance)) => (error.into_response(), allowance),
        Ok((caller, allowance)) => {
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            let json = response
                .headers()
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind == JSON);
            if response.status().is_client_error() && !json {
                // A path that could not be read never reached a handler.
                response = CloudflareError::bad_identifier(uri.path()).into_response();
            }
            (response, Some(allowance))
        }
    };
    let headers = response.headers_mut();
    if let Ok(ray) = HeaderValue::from_str(&state.mint().hex32()[..16]) {
        headers.insert("cf-ray", ray);
    }
    if let Some(allowance) = allowance {
        let left = allowance.reset.saturating_sub(state.now().as_second());
        let now = format!("\"default\";r={};t={left}", allowance.remaining);
        let policy = format!("\"default\";q={};w=300", allowance.limit);
        for (name, value) in [("ratelimit", now), ("ratelimit-policy", policy)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
    response
}

/// Whether the text has the shape of a token at all.
fn looks_like_a_token(secret: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (40..=120).contains(&secret.len()) && secret.bytes().all(allowed)
}

type Refused = (CloudflareError, Option<Allowance>);

fn admit(state: &ApiState, path: &str, request: &Request) -> Result<(Caller, Allowance), Refused> {
    if !request.headers().contains_key(AUTHORIZATION) {
        let message = "Missing X-Auth-Key, X-Auth-Email or Authorization headers";
        return Err((CloudflareError::bad(9_106, message), None));
    }
    let secret = bearer(request.headers()).filter(|secret| looks_like_a_token(secret));
    let Some(secret) = secret else {
        let error = CloudflareError::bad(6_003, "Invalid request headers")
            .caused_by(6_111, "Invalid format for Authorization header");
        return Err((error, None));
    };
    let verifies = path.ends_with("/tokens/verify");
    let invalid = || {
        if verifies {
            CloudflareError::new(StatusCode::UNAUTHORIZED, 1_000, "Invalid API Token")
        } else {
            CloudflareError::authentication(StatusCode::UNAUTHORIZED)
        }
    };
    let token = state.read(|books| books.token(Cloud::Cloudflare, secret).cloned());
    let token = token.ok_or_else(|| (invalid(), None))?;
    let now = state.now();
    // Verifying is how a client learns that its token has expired.
    if token.expired(now) && !verifies {
        return Err((invalid(), None));
    }
    if verifies && token.owner == Owner::Account && path == "/client/v4/user/tokens/verify" {
        return Err((invalid(), None));
    }
    match state.limits().cloudflare(&token.id, now) {
        Verdict::Pass(allowance) => Ok((
            Caller {
                account: token.account.clone(),
                token,
            },
            allowance,
        )),
        Verdict::Refuse {
            allowance,
            retry_after,
        } => {
            let mut error = CloudflareError::too_many_requests();
            error.retry_after = retry_after;
            Err((error, Some(allowance)))
        }
    }
}
