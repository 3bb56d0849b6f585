//! The local store: SQLite under one folder, with everything that the user's deployments are made
//! of, and a change log that is written in the same transaction as every change.
//!
//! Several processes may have one store open at a time. Each job is in the hands of at most one of
//! them: a process that runs jobs registers as a runner, holds a lock on a file that the system
//! frees when the process ends however it ends, and takes a lease on a job before it works on it.
//! A second process waits for its turn on a target, and is told for whom (see
//! [`Store::blocker`]). What a dead process held becomes *interrupted* when the next one registers.

mod audit;
mod backup;
mod change;
mod content;
mod deployment;
mod doorbell;
mod error;
pub mod files;
mod job;
mod lease;
mod local;
mod lock;
mod log;
mod migrate;
mod nouns;
mod open;
mod page;
mod table;
pub mod workspace;
mod write;

pub use audit::{AuditFilter, AuditReport};
pub use backup::Backup;
pub use deployment::DeploymentFilter;
pub use error::{Result, StoreError};
pub use job::{JobFilter, StepRef};
pub use lease::{Blocker, Lease, Registration};
pub use local::Manifest;
pub use log::{LogLine, LogPolicy, LogSize, NewLine};
pub use open::{Opening, Store};
pub use page::{Page, Slice};
pub use table::Noun;
pub use write::Write;

#[cfg(test)]
mod tests;
