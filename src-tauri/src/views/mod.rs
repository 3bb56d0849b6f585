//! What the pages see of each noun: only what a screen shows, never a secret.

mod desk;
mod failure;
mod ids;
mod project;
mod row;

pub use desk::DeskView;
pub use failure::CommandError;
pub use ids::*;
pub use project::{EnvironmentView, ProjectView, ServiceView};
pub use row::{Row, RowView};

use plimsoll_engine::Receipt;
use serde::{Deserialize, Serialize};
use specta::Type;

/// The answer of every command that writes: what it was about, and the last change that belongs to
/// it. The change itself comes as every change comes.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ReceiptView {
    /// Id of what was written.
    pub id: String,
    /// Number of the change: whoever has applied it has seen the write.
    pub seq: i64,
}

impl<I: std::fmt::Display> From<Receipt<I>> for ReceiptView {
    fn from(receipt: Receipt<I>) -> Self {
        Self {
            id: receipt.id.to_string(),
            seq: receipt.seq,
        }
    }
}
