//! Cloudflare's API v4, as much of it as deployments need.

mod account;
mod answer;
pub(crate) mod books;
mod certificates;
mod filter;
mod guard;
mod records;
mod rules;
mod settings;
mod zones;

pub(crate) use answer::CloudflareError;
pub(crate) use zones::publish;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::state::ApiState;

/// Routes under `/client/v4`.
pub(crate) fn routes(state: &ApiState) -> Router<ApiState> {
    Router::new()
        .route("/user", get(account::user))
        .route("/user/tokens/verify", get(account::verify_user_token))
        .route("/accounts", get(account::list))
        .route("/accounts/{account}", get(account::show))
        .route(
            "/accounts/{account}/tokens/verify",
            get(account::verify_account_token),
        )
        .route("/zones", get(zones::list))
        .route("/zones/{zone}", get(zones::show))
        .route(
            "/zones/{zone}/dns_records",
            get(records::list).post(records::create),
        )
        .route(
            "/zones/{zone}/dns_records/{record}",
            get(records::show)
                .put(records::replace)
                .patch(records::edit)
                .delete(records::delete_one),
        )
        .route(
            "/zones/{zone}/settings",
            get(settings::list).patch(settings::edit_many),
        )
        .route(
            "/zones/{zone}/settings/{setting}",
            get(settings::show).patch(settings::edit),
        )
        .route("/zones/{zone}/purge_cache", post(zones::purge_cache))
        .route(
            "/certificates",
            get(certificates::list).post(certificates::create),
        )
        .route(
            "/certificates/{certificate}",
            get(certificates::show).delete(certificates::revoke),
        )
        .fallback(answer::unknown_route)
        .method_not_allowed_fallback(answer::unknown_route)
        .layer(from_fn_with_state(state.clone(), guard::guard))
}
