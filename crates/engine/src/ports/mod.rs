//! What the engine asks of the outside world, one trait an outside system. `adapters` implements
//! them; tests may too.

mod canvas;
mod cloud;
mod folder;
mod local;
mod remote;
mod runs;

pub use canvas::*;
pub use cloud::*;
pub use folder::*;
pub use local::*;
pub use remote::*;
pub use runs::*;

use plimsoll_domain::{Timestamp, job::Failure};

/// What every port answers when it fails: a failure as people see it, ready to be stored, already
/// free of secrets.
pub type PortResult<T> = Result<T, PortError>;

/// A failed call to the outside world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct PortError(pub Box<Failure>);

impl PortError {
    /// A failure under a stable code.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Failure {
            code: code.to_owned(),
            message: message.into(),
            evidence: Vec::new(),
            next_step: String::new(),
            retryable: false,
        }))
    }
    /// Adds what shows it.
    pub fn evidence(mut self, line: impl Into<String>) -> Self {
        self.0.evidence.push(line.into());
        self
    }
    /// Adds what to do now.
    pub fn next_step(mut self, text: impl Into<String>) -> Self {
        self.0.next_step = text.into();
        self
    }
    /// Marks that trying again may help without anything being changed.
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }
    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }
}

impl From<Failure> for PortError {
    fn from(failure: Failure) -> Self {
        Self(Box::new(failure))
    }
}

/// The time, the randomness and patience, passed in.
#[async_trait::async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Fresh random bytes.
    fn entropy(&self, bytes: &mut [u8]);
    /// Waits so many milliseconds.
    async fn sleep_ms(&self, ms: u64);
}

/// Takes the lines of a running step as they come: build output, container output, progress.
pub trait Progress: Send + Sync {
    /// A line of a log, without its end.
    fn line(&self, stream: plimsoll_protocol::LogStream, line: &str);
    /// So many bytes have travelled, of so many where it is known.
    fn bytes(&self, done: u64, total: Option<u64>);
}

/// Progress that nobody watches.
pub struct Unwatched;

impl Progress for Unwatched {
    fn line(&self, _: plimsoll_protocol::LogStream, _: &str) {}
    fn bytes(&self, _: u64, _: Option<u64>) {}
}
