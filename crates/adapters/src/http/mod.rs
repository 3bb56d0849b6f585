//! One HTTP client for both clouds: trust, budgets, retries, and failures told the same way.
//!
//! A [`Pool`] keeps one connection pool an endpoint and one budget of requests a token, so that
//! all callers of an account share both. A [`Session`] is the pool as one token sees it.

mod answer;
mod budget;
mod call;
mod client;
mod failure;
mod flow;
mod scrub;
mod session;

pub(crate) use answer::Answer;
pub(crate) use budget::{Class, Limit};
pub(crate) use call::Call;
pub use client::client;
pub(crate) use client::{client_to, words};
pub(crate) use flow::Refused;
pub use session::Pool;
pub(crate) use session::{Service, Session};

use plimsoll_domain::server::ProviderAccount;
use plimsoll_engine::ports::{Keychain, PortResult, token_entry};
use std::sync::Arc;

/// The session of an account: its token is in the keychain.
pub(crate) async fn session_of(
    pool: &Arc<Pool>,
    service: &'static Service,
    keychain: &dyn Keychain,
    account: &ProviderAccount,
) -> PortResult<Session> {
    let Some(token) = keychain.get(&token_entry(account.id)).await? else {
        return Err(service
            .error(
                "token_missing",
                format!(
                    "The keychain holds no token for the account {}.",
                    account.name
                ),
            )
            .next_step(service.new_token()));
    };
    let doing = format!("use the account {}", account.name);
    pool.session(service, &account.endpoint, &token)
        .map_err(|trouble| service.unusable(&doing, trouble))
}
