//! The audit log.

use plimsoll_domain::audit::AuditEntry;
use plimsoll_engine::{AuditReport, Slice};
use serde::{Deserialize, Serialize};
use specta::Type;

/// One act.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct AuditEntryView {
    /// Id.
    pub id: String,
    /// When, RFC 3339.
    pub at: String,
    /// Who: `user@machine`.
    pub author: String,
    /// What was done, such as `server.destroy`.
    pub act: String,
    /// To what, such as `server:0192…`.
    pub subject: String,
    /// More about it, as JSON; never a secret.
    pub details: String,
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            at: entry.at.to_string(),
            author: entry.author,
            act: entry.act,
            subject: entry.subject,
            details: entry.details.to_string(),
        }
    }
}

/// Entries, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct AuditPageView {
    /// The entries.
    pub entries: Vec<AuditEntryView>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<String>,
}

impl From<Slice<AuditEntry>> for AuditPageView {
    fn from(slice: Slice<AuditEntry>) -> Self {
        Self {
            entries: slice.items.into_iter().map(Into::into).collect(),
            next: slice.next,
        }
    }
}

/// What a check of the log found.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct AuditReportView {
    /// How many entries were checked.
    pub entries: u64,
    /// Ids of entries that were changed, or whose neighbours are gone.
    pub broken: Vec<String>,
}

impl From<AuditReport> for AuditReportView {
    fn from(report: AuditReport) -> Self {
        Self {
            entries: report.entries,
            broken: report.broken.iter().map(ToString::to_string).collect(),
        }
    }
}
