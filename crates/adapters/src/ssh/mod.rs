//! Servers over SSH: libssh2, one connection a server, many channels.
//!
//! The host key is pinned and compared before the login; the login uses a key from the keychain
//! that never touches a disk; commands are argument vectors, quoted by
//! [`plimsoll_domain::quote::shell_words`] and nowhere else.

mod channel;
mod command;
mod connection;
mod dial;
mod greet;
mod host_key;
mod lane;
mod pool;
mod pump;
mod stage;
mod terminal;

pub(crate) use channel::{Channel, Event, Input};
pub(crate) use command::BULK_FROM;
pub(crate) use connection::Opening;
pub(crate) use dial::{dial, shown};
pub(crate) use pool::Traffics;
pub(crate) use stage::Stage;

use async_trait::async_trait;
use connection::Limits;
use plimsoll_domain::server::SshTarget;
use plimsoll_engine::ports::{
    Keychain, Login, Output, PortResult, Progress, ScreenSize, Servers, Traffic,
};
use pool::Pool;
use std::{sync::Arc, time::Duration};

/// The connections to all servers. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct Ssh(Arc<Pool>);

impl Ssh {
    /// Private keys are read from the keychain's entries `ssh-key/{id}`.
    pub fn new(keychain: Arc<dyn Keychain>) -> Self {
        Self::with_limits(keychain, Limits::default())
    }

    /// Like [`Ssh::new`], asking for a sign of life that often.
    pub fn with_keepalive(keychain: Arc<dyn Keychain>, keepalive: Duration) -> Self {
        Self::with_limits(
            keychain,
            Limits {
                keepalive,
                ..Limits::default()
            },
        )
    }

    pub(crate) fn with_limits(keychain: Arc<dyn Keychain>, limits: Limits) -> Self {
        Self(Arc::new(Pool::new(keychain, limits)))
    }

    /// Opens a channel to a target.
    pub(crate) async fn open(
        &self,
        target: &SshTarget,
        traffic: Traffics,
        opening: Opening,
    ) -> PortResult<Channel> {
        self.0.open(target, traffic, opening).await
    }
}

#[async_trait]
impl Servers for Ssh {
    async fn host_key(&self, host: &str, port: u16, proxy: Option<&str>) -> PortResult<String> {
        Ok(self.0.host_key(host, port, proxy).await?.line())
    }

    async fn run(
        &self,
        target: &SshTarget,
        argv: &[&str],
        stdin: Option<&[u8]>,
        sudo: bool,
    ) -> PortResult<Output> {
        command::run(self, target, argv, stdin, sudo, self.0.limits().run).await
    }

    async fn write_file(
        &self,
        target: &SshTarget,
        path: &str,
        mode: u32,
        content: &[u8],
    ) -> PortResult<()> {
        command::write_file(self, target, path, mode, content).await
    }

    async fn follow(
        &self,
        target: &SshTarget,
        argv: &[&str],
        sudo: bool,
        progress: Arc<dyn Progress>,
    ) -> PortResult<Option<i32>> {
        command::follow(self, target, argv, sudo, progress).await
    }

    async fn open_terminal(&self, target: &SshTarget, size: ScreenSize) -> PortResult<Login> {
        terminal::open(self, target, size).await
    }

    async fn forget(&self, target: &SshTarget) {
        self.0.forget(target).await;
    }

    fn traffic(&self) -> Traffic {
        self.0.traffic()
    }
}
