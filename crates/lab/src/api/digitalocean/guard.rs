//! What happens before and after every handler: authentication, rate limits, headers.

use axum::extract::{OriginalUri, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Method, header::HOST};
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
    let mut response = match admit(&state, &uri, &request) {
        Err(refused) => refused,
        Ok((caller, allowance)) => {
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            let told = response.extensions().get::<DigitalOceanError>().is_some();
            if response.status().is_client_error() && !told {
                // A path or query that could not be read never reached a handler.
                let message = "The request could not be read.";
                response = DigitalOceanError::bad_request(message).into_response();
            }
            tell(&mut response, allowance);
            response
        }
    };
    if let Some(error) = response.extensions_mut().remove::<DigitalOceanError>() {
        let headers = std::mem::take(response.headers_mut());
        response = error.finish(&request_id);
        for (name, value) in headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("rate"))
        {
            response.headers_mut().insert(name, value.clone());
        }
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

fn admit(
    state: &ApiState,
    uri: &axum::http::Uri,
    request: &Request,
) -> Result<(Caller, Allowance), Response> {
    let now = state.now();
    let token = bearer(request.headers())
        .and_then(|secret| state.read(|books| books.token(Cloud::DigitalOcean, secret).cloned()))
        .filter(|token| !token.expired(now))
        .ok_or_else(|| DigitalOceanError::unauthorized().into_response())?;
    let lists_keys = request.method() == Method::GET && uri.path() == "/v2/account/keys";
    match state.limits().digitalocean(&token.id, lists_keys, now) {
        Verdict::Pass(allowance) => {
            let base = state.public_url().map_or_else(
                || {
                    let named = request
                        .headers()
                        .get(HOST)
                        .and_then(|host| host.to_str().ok());
                    let host = named.or(uri.authority().map(|authority| authority.as_str()));
                    format!("https://{}", host.unwrap_or("localhost"))
                },
                str::to_owned,
            );
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
            let mut response = DigitalOceanError::too_many_requests().into_response();
            tell(&mut response, allowance);
            if let Some(seconds) = retry_after
                && let Some(error) = response.extensions_mut().get_mut::<DigitalOceanError>()
            {
                error.retry_after = Some(seconds);
            }
            Err(response)
        }
    }
}

fn tell(response: &mut Response, allowance: Allowance) {
    let headers = response.headers_mut();
    headers.insert("ratelimit-limit", HeaderValue::from(allowance.limit));
    headers.insert(
        "ratelimit-remaining",
        HeaderValue::from(allowance.remaining),
    );
    headers.insert("ratelimit-reset", HeaderValue::from(allowance.reset));
    headers.remove(RETRY_AFTER);
}
