//! What happens before and after every handler: authentication, rate limits, headers.

use axum::extract::{OriginalUri, Request, State};
use axum::http::header::HOST;
use axum::http::{HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::DigitalOceanError;
use crate::api::limits::{Allowance, Verdict};
use crate::api::state::ApiState;
use crate::api::token::{Cloud, Token, bearer};

/// Who asks.
#[derive(Clone)]
pub(super) struct Caller {
    /// UUID of the account.
    pub(super) account: String,
    /// Scheme and host for the links in answers.
    pub(super) base: String,
    token: Token,
}

impl Caller {
    /// Refuses unless the token has every one of these scopes.
    pub(super) fn may(&self, scopes: &[&str]) -> Result<(), DigitalOceanError> {
        if scopes.iter().all(|scope| self.token.allows(scope)) {
            Ok(())
        } else {
            Err(DigitalOceanError::forbidden())
        }
    }
}

pub(super) async fn guard(
    State(state): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    mut request: Request,
    next: Next,
) -> Response {
    let request_id = state.mint().uuid();
    let (mut response, allowance) = match admit(&state, &uri, &request) {
        Err((error, allowance)) => (error.into_response(), allowance),
        Ok((caller, allowance)) => {
            request.extensions_mut().insert(caller);
            (next.run(request).await, Some(allowance))
        }
    };
    match response.extensions_mut().remove::<DigitalOceanError>() {
        Some(error) => response = error.finish(&request_id),
        None if response.status().is_client_error() => {
            // A path or query that could not be read never reached a handler.
            let error = DigitalOceanError::bad_request("The request could not be read.");
            response = error.finish(&request_id);
        }
        None => {}
    }
    if let Some(allowance) = allowance {
        tell(&mut response, allowance);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

type Refused = (DigitalOceanError, Option<Allowance>);

fn admit(state: &ApiState, uri: &Uri, request: &Request) -> Result<(Caller, Allowance), Refused> {
    let now = state.now();
    let token = bearer(request.headers())
        .and_then(|secret| state.read(|books| books.token(Cloud::DigitalOcean, secret).cloned()))
        .filter(|token| !token.expired(now))
        .ok_or_else(|| (DigitalOceanError::unauthorized(), None))?;
    let lists_keys = request.method() == Method::GET && uri.path() == "/v2/account/keys";
    match state.limits().digitalocean(&token.id, lists_keys, now) {
        Verdict::Pass(allowance) => {
            let base = base(state, uri, request);
            Ok((
                Caller {
                    account: token.account.clone(),
                    base,
                    token,
                },
                allowance,
            ))
        }
        Verdict::Refuse {
            allowance,
            retry_after,
        } => {
            let mut error = DigitalOceanError::too_many_requests();
            error.retry_after = retry_after;
            Err((error, Some(allowance)))
        }
    }
}

/// Scheme and host for links: the lab's own, or those that the request named.
fn base(state: &ApiState, uri: &Uri, request: &Request) -> String {
    if let Some(url) = state.public_url() {
        return url.to_owned();
    }
    let header = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let host = header.or(uri.authority().map(|authority| authority.as_str()));
    format!("https://{}", host.unwrap_or("localhost"))
}

fn tell(response: &mut Response, allowance: Allowance) {
    let headers = response.headers_mut();
    headers.insert("ratelimit-limit", HeaderValue::from(allowance.limit));
    headers.insert(
        "ratelimit-remaining",
        HeaderValue::from(allowance.remaining),
    );
    headers.insert("ratelimit-reset", HeaderValue::from(allowance.reset));
}
