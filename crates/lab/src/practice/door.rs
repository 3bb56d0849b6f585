//! How a program gets in: addresses, tokens and the authority to trust.

use super::Running;
use crate::api::Credentials;
use crate::error::{AtPath, LabError};

/// What a client of one of the two clouds needs.
#[derive(Clone)]
pub struct Door {
    /// Base of the API.
    pub url: String,
    /// Token with every scope.
    pub token: String,
    /// PEM of the authority that signs what it serves.
    pub ca_pem: String,
    /// Proxy to it and to the servers behind it, as `socks5h://…`; `None` when they are routable.
    pub proxy: Option<String>,
    /// `address:port` of the resolver that knows its names.
    pub resolver: String,
}

/// The doors of both clouds.
#[derive(Clone)]
pub struct Doors {
    /// DigitalOcean's.
    pub digitalocean: Door,
    /// Cloudflare's.
    pub cloudflare: Door,
}

impl Running {
    /// How to get into both clouds.
    ///
    /// # Errors
    /// When the files with the credentials or the authority cannot be read.
    pub fn doors(&self) -> Result<Doors, LabError> {
        let credentials = Credentials::read(&self.api).map_err(|error| LabError::State {
            path: self.api.join(Credentials::FILE),
            cause: error.to_string(),
        })?;
        let ca_pem = std::fs::read_to_string(&self.ca).at("read", &self.ca)?;
        let door = |url: &str, token: String| Door {
            url: url.to_owned(),
            token,
            ca_pem: ca_pem.clone(),
            proxy: self.proxy.clone(),
            resolver: format!("{}:53", self.resolver),
        };
        Ok(Doors {
            digitalocean: door(&self.digitalocean_url, credentials.digitalocean_token),
            cloudflare: door(&self.cloudflare_url, credentials.cloudflare_token),
        })
    }
}
