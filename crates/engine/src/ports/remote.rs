//! A server, reached over one SSH connection with many channels.

use super::{PortResult, Progress};
use async_trait::async_trait;
use plimsoll_domain::{Secret, server::SshTarget};
use plimsoll_protocol::{Hello, Request};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// How a remote command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output, at most 1 MiB.
    pub stdout: Vec<u8>,
    /// Standard error, at most 1 MiB.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether it exited with 0.
    pub fn ok(&self) -> bool {
        self.status == Some(0)
    }
    /// Standard output as text, trimmed.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }
    /// The last lines of standard error, for evidence.
    pub fn complaint(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.stderr);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        lines[lines.len().saturating_sub(10)..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect()
    }
}

/// What follows a request to the agent.
#[derive(Debug, Clone)]
pub enum Body {
    /// Nothing.
    Empty,
    /// A short text that must not be logged: secret values as JSON, a private key.
    Secret(Secret),
    /// Bytes.
    Bytes(Arc<Vec<u8>>),
    /// A file.
    File(PathBuf),
}

/// Size of a terminal's screen, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenSize {
    /// Width.
    pub columns: u16,
    /// Height.
    pub rows: u16,
}

/// An interactive login on a server. Dropping both halves hangs up.
pub struct Login {
    /// What the server shows.
    pub screen: Box<dyn Screen>,
    /// What it is told.
    pub keyboard: Box<dyn Keyboard>,
}

/// What comes out of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Bytes for the screen.
    Bytes(Vec<u8>),
    /// The shell ended; `None` when a signal ended it.
    Ended(Option<i32>),
}

/// The half of a login that shows. While nobody reads it, the server has to wait: at most some
/// 100 KiB are under way.
#[async_trait]
pub trait Screen: Send {
    /// What comes next. An error is the end as well.
    async fn next(&mut self) -> PortResult<Shown>;
}

/// The half of a login that takes keys.
#[async_trait]
pub trait Keyboard: Send + Sync {
    /// Sends what was typed, waiting while the server is slow.
    async fn write(&self, bytes: &[u8]);
    /// Tells the size of the screen.
    fn resize(&self, size: ScreenSize);
}

/// Servers over SSH. Connections are kept by target and used again; one bad server delays nobody.
///
/// Every failure names its stage in its code: `ssh_dns`, `ssh_tcp`, `ssh_banner`,
/// `ssh_host_key_changed`, `ssh_authentication`, `ssh_sudo`, `ssh_cut`.
#[async_trait]
pub trait Servers: Send + Sync {
    /// Asks a server for its host key without logging in, for people to confirm.
    async fn host_key(&self, host: &str, port: u16, proxy: Option<&str>) -> PortResult<String>;
    /// Runs a command, an argument vector, with optional standard input. `sudo` runs it as root
    /// when the login is not.
    async fn run(
        &self,
        target: &SshTarget,
        argv: &[&str],
        stdin: Option<&[u8]>,
        sudo: bool,
    ) -> PortResult<Output>;
    /// Writes a file: to a temporary name, synced, moved into place, with this mode.
    async fn write_file(
        &self,
        target: &SshTarget,
        path: &str,
        mode: u32,
        content: &[u8],
    ) -> PortResult<()>;
    /// Runs a command and hands its lines on as they come, until it ends: answers how. Dropping the
    /// future hangs up.
    async fn follow(
        &self,
        target: &SshTarget,
        argv: &[&str],
        sudo: bool,
        progress: Arc<dyn Progress>,
    ) -> PortResult<Option<i32>>;
    /// Opens an interactive login: a shell on a screen of that size.
    async fn open_terminal(&self, target: &SshTarget, size: ScreenSize) -> PortResult<Login>;
    /// Forgets the connection to a target: after its keys changed or it was destroyed.
    async fn forget(&self, target: &SshTarget);
    /// Connections opened since the start and bytes sent, for what we promise about both.
    fn traffic(&self) -> Traffic;
}

/// Counts of what travelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// SSH connections opened.
    pub connections: u64,
    /// Bytes handed to the connections by us, before encryption.
    pub sent_bytes: u64,
    /// Bytes received, after decryption.
    pub received_bytes: u64,
}

/// The agent on a server, over the same connection.
#[async_trait]
pub trait Agents: Send + Sync {
    /// Handshake: who is there? `Ok(None)` when no agent is installed.
    async fn hello(&self, target: &SshTarget) -> PortResult<Option<Hello>>;
    /// Installs or upgrades the agent when its binary is not ours; the previous binary stays and
    /// takes over again when the new one does not answer within 60 s.
    async fn ensure(&self, target: &SshTarget) -> PortResult<Hello>;
    /// Sends a request and answers its `Done`; log lines go to `progress`.
    async fn ask(
        &self,
        target: &SshTarget,
        request: &Request,
        body: Body,
        progress: Arc<dyn Progress>,
    ) -> PortResult<serde_json::Value>;
    /// Asks for an image's archive and writes it to a file; answers its bytes.
    async fn export(
        &self,
        target: &SshTarget,
        image_id: &str,
        skip_layers: usize,
        to: &Path,
    ) -> PortResult<u64>;
}
