//! The lab's side of the gateway's control interface.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{CONTROL_PORT, Told};
use crate::droplets::Pages;
use crate::error::LabError;

/// How long the gateway may take to answer after it was started.
const UP: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(25);
/// For one call; the gateway is on this machine, which may be a busy one.
const CALL: Duration = Duration::from_secs(30);

/// How the lab reaches its gateway.
pub(super) enum Way {
    /// At its address.
    Direct(Ipv4Addr),
    /// At published ports of the loopback address.
    Published {
        /// Port of the control interface.
        control: u16,
        /// Port of the proxy.
        proxy: u16,
    },
}

/// A connection to the gateway.
pub(crate) struct Link {
    client: reqwest::Client,
    base: String,
    proxy: Option<String>,
    token: String,
    origin_roots: Mutex<Vec<String>>,
    /// One message at a time, so that an older state never arrives after a newer one.
    turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Link")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(way: Way, token: String) -> Result<Self, LabError> {
        let client = reqwest::Client::builder()
            .timeout(CALL)
            // The gateway is a neighbour; a proxy of the host's would not find it.
            .no_proxy()
            .build()
            .map_err(|error| failed(&error))?;
        let (base, proxy) = match way {
            Way::Direct(address) => (format!("http://{address}:{CONTROL_PORT}"), None),
            Way::Published { control, proxy } => (
                format!("http://127.0.0.1:{control}"),
                Some(format!("socks5h://127.0.0.1:{proxy}")),
            ),
        };
        Ok(Self {
            client,
            base,
            proxy,
            token,
            origin_roots: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The proxy through which the host reaches droplets; `None` when it needs none.
    pub(crate) fn proxy(&self) -> Option<String> {
        self.proxy.clone()
    }

    /// Waits until the gateway answers.
    pub(crate) async fn ready(&self) -> Result<(), LabError> {
        let deadline = Instant::now() + UP;
        loop {
            match self
                .client
                .get(format!("{}/health", self.base))
                .send()
                .await
            {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(failed(&error)),
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// The root of the ACME authority's certificates, PEM; `None` when that authority does not run.
    pub(crate) async fn acme_root(&self) -> Result<Option<String>, LabError> {
        let answer = self
            .client
            .get(format!("{}/acme-root", self.base))
            .send()
            .await;
        let text = match answer {
            Ok(answer) => answer.text().await,
            Err(error) => Err(error),
        };
        let pem = text.map_err(|error| failed(&error))?;
        Ok((!pem.is_empty()).then_some(pem))
    }

    /// Certificates that origins may carry, from the next message on.
    pub(crate) fn trust_origins(&self, roots: Vec<String>) {
        *self
            .origin_roots
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = roots;
    }

    /// Tells the gateway the present state, read when it is this message's turn.
    pub(crate) async fn publish(&self, read: impl FnOnce() -> Pages) -> Result<(), LabError> {
        let _turn = self.turn.lock().await;
        let origin_roots = self
            .origin_roots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let told = Told {
            pages: read(),
            origin_roots,
        };
        let answer = self
            .client
            .post(format!("{}/published", self.base))
            .bearer_auth(&self.token)
            .json(&told)
            .send()
            .await
            .map_err(|error| failed(&error))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(LabError::Network {
            doing: "tell the practice cloud's gateway about droplets and zones".into(),
            cause: format!("it answered {}", answer.status()),
        })
    }
}

fn failed(error: &reqwest::Error) -> LabError {
    let mut cause = error.to_string();
    let mut deeper = std::error::Error::source(error);
    while let Some(source) = deeper {
        cause = format!("{cause}: {source}");
        deeper = source.source();
    }
    LabError::Network {
        doing: "reach the practice cloud's gateway".into(),
        cause,
    }
}
