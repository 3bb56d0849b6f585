//! The user, the account, and what a token says about itself.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, CloudflareError, Parameters, ok, ok_saying, page};
use super::books::CloudflareAccount;
use super::guard::{Caller, check_identifier};
use crate::api::state::ApiState;
use crate::api::time::{micros, seconds};
use crate::api::token::Owner;

pub(super) async fn user(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
) -> Answer {
    caller.may("user:read")?;
    if caller.token.owner == Owner::Account {
        return Err(CloudflareError::no_access());
    }
    let account = own(&state, &caller)?;
    Ok(ok(json!({
        "id": account.user_id,
        "email": account.email,
        "first_name": null,
        "last_name": null,
        "two_factor_authentication_enabled": false,
        "suspended": false,
    })))
}

/// What a token says about itself, to itself.
fn verified(state: &ApiState, caller: &Caller) -> Answer {
    let expired = caller.token.expired(state.now());
    let mut result = json!({
        "id": caller.token.id,
        "status": if expired { "expired" } else { "active" },
    });
    if let Some(at) = caller.token.expires_at {
        result["expires_on"] = json!(seconds(at));
    }
    let message = if expired {
        "This API Token has expired"
    } else {
        "This API Token is valid and active"
    };
    Ok(ok_saying(
        result,
        &json!([{"code": 10_000, "message": message, "type": null}]),
    ))
}

pub(super) async fn verify_user_token(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
) -> Answer {
    verified(&state, &caller)
}

pub(super) async fn verify_account_token(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(account): Path<String>,
) -> Answer {
    check_identifier(&account, "accounts")?;
    if caller.token.owner != Owner::Account || caller.account != account {
        return Err(CloudflareError::new(
            StatusCode::UNAUTHORIZED,
            1_000,
            "Invalid API Token",
        ));
    }
    verified(&state, &caller)
}

fn own(state: &ApiState, caller: &Caller) -> Result<CloudflareAccount, CloudflareError> {
    let account = state.read(|books| books.cloudflare_accounts.get(&caller.account).cloned());
    account.ok_or_else(CloudflareError::no_access)
}

fn view(account: &CloudflareAccount) -> Value {
    json!({
        "id": account.id,
        "name": account.name,
        "type": "standard",
        "settings": {"enforce_twofactor": false},
        "created_on": micros(account.created_at),
    })
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    caller.may("account:read")?;
    let parameters = Parameters::of(query);
    let account = own(&state, &caller)?;
    let fits = parameters
        .get("name")
        .is_none_or(|name| account.name.eq_ignore_ascii_case(name));
    let accounts = if fits {
        vec![view(&account)]
    } else {
        Vec::new()
    };
    let (number, per_page) = parameters.paging(20, 5, 50);
    Ok(page(accounts, number, per_page))
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    check_identifier(&id, "accounts")?;
    caller.may("account:read")?;
    if id != caller.account {
        return Err(CloudflareError::no_access());
    }
    Ok(ok(view(&own(&state, &caller)?)))
}
