//! Verifies tokens of both providers before they are kept.

use crate::{cloudflare, digitalocean, http::Pool};
use async_trait::async_trait;
use plimsoll_domain::{
    Secret,
    server::{Endpoint, Provider},
};
use plimsoll_engine::ports::{PortResult, TokenReport, Tokens};
use std::sync::Arc;

/// [`Tokens`] over the pool that the providers' adapters share.
pub struct CloudTokens {
    pool: Arc<Pool>,
}

impl CloudTokens {
    /// Verifies through this pool.
    pub fn new(pool: Arc<Pool>) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Tokens for CloudTokens {
    async fn verify(
        &self,
        provider: Provider,
        endpoint: &Endpoint,
        token: &Secret,
    ) -> PortResult<TokenReport> {
        match provider {
            Provider::Digitalocean => digitalocean::verify(&self.pool, endpoint, token).await,
            Provider::Cloudflare => cloudflare::verify(&self.pool, endpoint, token).await,
        }
    }
}
