//! The two clouds' public HTTP interfaces, and the lab's own control interface beside them.
//!
//! DigitalOcean answers under `/v2`, Cloudflare under `/client/v4`, the control interface under
//! `/lab/v1`. The books of both clouds live in one folder and survive a restart; machines,
//! addresses and the resolver are asked for through [`crate::ground::Ground`].

mod books;
mod cloudflare;
mod control;
mod digitalocean;
mod faults;
mod folder;
mod journal;
mod limits;
mod mint;
mod origin_ca;
mod serve;
mod setbacks;
mod state;
mod time;
mod token;

pub use faults::{AnswerFault, FaultRule};
pub use folder::{Credentials, FolderError};
pub use journal::LoggedRequest;
pub use limits::LimitSettings;
pub use serve::serve;
pub use setbacks::{Setback, SetbackRule};
pub use state::{ApiState, Delays, OpenError, Options};
pub use time::{Clock, SystemClock};

use axum::Router;
use axum::http::Uri;
use axum::middleware::from_fn_with_state;

/// All routes of the practice cloud.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .nest("/v2", digitalocean::routes(&state))
        .nest("/client/v4", cloudflare::routes(&state))
        .layer(from_fn_with_state(state.clone(), faults::intercept))
        .nest("/lab/v1", control::routes(&state))
        .fallback(|uri: Uri| async move { faults::broken(uri.path(), 404) })
        .with_state(state)
}
