//! The connections that are open, one a server, and a second one for bulk.

use super::{
    channel::{Channel, Counters},
    connection::{Connection, Limits, Opening},
    dial, greet,
    host_key::HostKey,
    pump,
    stage::Stage,
};
use plimsoll_domain::server::SshTarget;
use plimsoll_engine::ports::{Keychain, PortError, PortResult, Traffic};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

/// How long a connection for bulk stays open unused.
const BULK_IDLE: Duration = Duration::from_secs(60);
/// The first pause after a failed connection; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Traffics {
    /// Requests that somebody waits for.
    Requests,
    /// Files and images, which would hold requests up.
    Bulk,
}

type Slots = HashMap<(SshTarget, Traffics), Arc<tokio::sync::Mutex<Slot>>>;

#[derive(Default)]
struct Slot {
    open: Option<Connection>,
    failures: u32,
    last_failure: Option<Instant>,
}

pub(crate) struct Pool {
    keychain: Arc<dyn Keychain>,
    limits: Limits,
    counters: Arc<Counters>,
    slots: Mutex<Slots>,
}

impl Pool {
    pub(crate) fn new(keychain: Arc<dyn Keychain>, limits: Limits) -> Self {
        Self {
            keychain,
            limits,
            counters: Arc::default(),
            slots: Mutex::default(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Opens a channel, on the connection that is there or on a new one.
    pub(crate) async fn open(
        &self,
        target: &SshTarget,
        traffic: Traffics,
        opening: Opening,
    ) -> PortResult<Channel> {
        let (connection, fresh) = self.connection(target, traffic).await?;
        match connection.open(opening.clone()).await {
            // The connection had broken before anybody noticed, and nothing has begun: a new one
            // may do.
            Err(Stage::Cut { begun: false, .. }) if !fresh => {
                let (connection, _) = self.connection(target, traffic).await?;
                Ok(connection.open(opening).await?)
            }
            other => Ok(other?),
        }
    }

    /// Closes the connections to a target and forgets its failures.
    pub(crate) async fn forget(&self, target: &SshTarget) {
        let gone: Vec<_> = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            [Traffics::Requests, Traffics::Bulk]
                .into_iter()
                .filter_map(|traffic| slots.remove(&(target.clone(), traffic)))
                .collect()
        };
        for slot in gone {
            if let Some(connection) = slot.lock().await.open.take() {
                connection.close();
            }
        }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.counters.connections.load(Ordering::Relaxed),
            sent_bytes: self.counters.sent.load(Ordering::Relaxed),
            received_bytes: self.counters.received.load(Ordering::Relaxed),
        }
    }

    /// Looks at a server's host key, without logging in.
    pub(crate) async fn host_key(
        &self,
        host: &str,
        port: u16,
        proxy: Option<&str>,
    ) -> Result<HostKey, Stage> {
        let greeted = self.shake(host, port, proxy, None).await?;
        greeted.host_key().ok_or_else(|| Stage::Banner {
            to: dial::shown(host, port),
            cause: "it shows no host key".to_owned(),
        })
    }

    /// A connection that is not known to be broken, and whether it was made just now.
    async fn connection(
        &self,
        target: &SshTarget,
        traffic: Traffics,
    ) -> PortResult<(Connection, bool)> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry((target.clone(), traffic)).or_default())
        };
        // Whoever comes while a connection is being made waits for it instead of making another.
        let mut slot = slot.lock().await;
        if let Some(connection) = slot.open.as_ref().filter(|connection| !connection.is_cut()) {
            return Ok((connection.clone(), false));
        }
        slot.open = None;
        if let Some(last) = slot.last_failure {
            let pause = FIRST_PAUSE
                .saturating_mul(1 << slot.failures.saturating_sub(1).min(10))
                .min(LONGEST_PAUSE);
            tokio::time::sleep_until((last + pause).into()).await;
        }
        match self.connect(target, traffic).await {
            Ok(connection) => {
                *slot = Slot {
                    open: Some(connection.clone()),
                    ..Slot::default()
                };
                Ok((connection, true))
            }
            Err(error) => {
                slot.failures = slot.failures.saturating_add(1);
                slot.last_failure = Some(Instant::now());
                Err(error)
            }
        }
    }

    async fn connect(&self, target: &SshTarget, traffic: Traffics) -> PortResult<Connection> {
        let to = dial::shown(&target.host, target.port);
        let pinned = HostKey::parse(&target.host_key)?;
        let entry = format!("ssh-key/{}", target.key_id);
        let private_key =
            self.keychain
                .get(&entry)
                .await?
                .ok_or_else(|| Stage::Authentication {
                    to: to.clone(),
                    user: target.user.clone(),
                    cause: format!("the private key “{entry}” is not in the keychain"),
                })?;
        let proxy = target.proxy.as_deref();
        let shaken = self
            .shake(&target.host, target.port, proxy, Some(pinned.clone()))
            .await;
        let mut greeted = match shaken {
            Ok(greeted) => greeted,
            Err(disagreed @ Stage::Disagreed { .. }) => {
                // A server that has no key of the pinned type cannot show one: look at what it has.
                return Err(
                    match self.host_key(&target.host, target.port, proxy).await {
                        Ok(shown) if shown != pinned => Stage::HostKeyChanged {
                            to,
                            pinned: pinned.fingerprint(),
                            shown: shown.fingerprint(),
                        },
                        _ => disagreed,
                    }
                    .into(),
                );
            }
            Err(stage) => return Err(stage.into()),
        };
        let (user, patience) = (target.user.clone(), self.limits.handshake);
        let greeted = blocking(move || {
            greet::log_in(&mut greeted, &user, &private_key, patience).map(|()| greeted)
        })
        .await??;
        let idle = match traffic {
            Traffics::Requests => None,
            Traffics::Bulk => Some(BULK_IDLE),
        };
        let counters = Arc::clone(&self.counters);
        pump::start(greeted, self.limits, idle, counters).map_err(|error| {
            PortError::new(
                "ssh_local",
                format!("starting the connection to {to}: {error}"),
            )
            .next_step("This machine is short of threads or file handles; close something.")
        })
    }

    async fn shake(
        &self,
        host: &str,
        port: u16,
        proxy: Option<&str>,
        pinned: Option<HostKey>,
    ) -> Result<greet::Greeted, Stage> {
        let to = dial::shown(host, port);
        let stream = dial::dial(host, port, proxy, self.limits.dial).await?;
        self.counters.connections.fetch_add(1, Ordering::Relaxed);
        let broken = |cause: String| Stage::Banner {
            to: to.clone(),
            cause,
        };
        let stream = stream
            .into_std()
            .map_err(|error| broken(error.to_string()))?;
        let (shown, patience) = (to.clone(), self.limits.handshake);
        blocking(move || greet::shake(stream, &shown, pinned.as_ref(), patience))
            .await
            .map_err(|error| broken(error.0.message))?
    }
}

/// Runs what turns libssh2 without a pump on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> PortResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        PortError::new(
            "ssh_local",
            format!("a thread of this program ended: {error}"),
        )
    })
}
