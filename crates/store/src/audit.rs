//! The audit log: appended in the transaction of the act, chained, verified.

use crate::{
    Page, Result, Slice, Store, Write,
    error::doing,
    table::{cells_in, noun_of, nouns},
};
use futures::TryStreamExt;
use plimsoll_domain::{AuditId, Timestamp, audit::AuditEntry};
use serde_json::Value;
use std::collections::HashMap;

/// Which entries; `None` does not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this.
    pub subject: Option<String>,
    /// Of this act.
    pub act: Option<String>,
    /// By this author.
    pub author: Option<String>,
    /// Written at this moment or later.
    pub since: Option<Timestamp>,
    /// Written before this moment.
    pub until: Option<Timestamp>,
}

/// What a verification of the audit log found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AuditReport {
    /// How many entries were checked.
    pub entries: u64,
    /// Entries whose hash, place or predecessor is wrong.
    pub broken: Vec<AuditId>,
}

macro_rules! page_by {
    ($lead:literal) => {
        concat!(
            "SELECT * FROM audit_entries WHERE ",
            $lead,
            " AND id < ?1 AND (?3 IS NULL OR subject = ?3) AND (?4 IS NULL OR act = ?4) \
             AND (?5 IS NULL OR author = ?5) AND (?6 IS NULL OR at >= ?6) \
             AND (?7 IS NULL OR at < ?7) ORDER BY id DESC LIMIT ?2"
        )
    };
}

impl Write {
    /// Appends an entry to this device's chain. When it cannot be written, the transaction cannot
    /// be committed as if it had been: the caller returns the error, and the act does not happen.
    pub async fn audit(
        &mut self,
        id: AuditId,
        act: &str,
        subject: &str,
        details: Value,
    ) -> Result<AuditEntry> {
        let device = self.store.inner.device.clone();
        let last: Option<(i64, String)> = sqlx::query_as(
            "SELECT number, hash FROM audit_entries WHERE device = ?1 \
             ORDER BY number DESC LIMIT 1",
        )
        .bind(&device)
        .fetch_optional(&mut *self.transaction)
        .await
        .map_err(doing("read the last audit entry"))?;
        let (number, previous_hash) = last.unwrap_or_else(|| (0, "0".repeat(64)));
        let mut entry = AuditEntry {
            id,
            number: number + 1,
            device,
            at: self.now(),
            author: self.store.inner.author.clone(),
            act: act.to_owned(),
            subject: subject.to_owned(),
            details,
            previous_hash,
            hash: String::new(),
        };
        entry.hash = entry.expected_hash();
        self.put(&entry).await?;
        Ok(entry)
    }
}

impl Store {
    /// A page of the audit log, newest first.
    pub async fn audit(&self, filter: &AuditFilter, page: &Page) -> Result<Slice<AuditEntry>> {
        let sql = if filter.subject.is_some() {
            page_by!("subject = ?3")
        } else if filter.act.is_some() {
            page_by!("act = ?4")
        } else {
            page_by!("true")
        };
        let rows = sqlx::query(sql)
            .bind(page.bound())
            .bind(page.limit.saturating_add(1))
            .bind(&filter.subject)
            .bind(&filter.act)
            .bind(&filter.author)
            .bind(filter.since.map(|at| at.to_string()))
            .bind(filter.until.map(|at| at.to_string()))
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(doing("list audit entries"))?;
        Ok(Slice::cut(nouns(&rows)?, page, |entry: &AuditEntry| {
            entry.id.to_string()
        }))
    }

    /// Checks every hash, every number and every link of the audit log.
    pub async fn verify_audit(&self) -> Result<AuditReport> {
        let mut connection = self.reader().await?;
        let mut rows = sqlx::query("SELECT * FROM audit_entries ORDER BY device, number")
            .fetch(&mut *connection);
        let mut ends: HashMap<String, (i64, String)> = HashMap::new();
        let mut report = AuditReport {
            entries: 0,
            broken: Vec::new(),
        };
        while let Some(row) = rows.try_next().await.map_err(doing("read the audit log"))? {
            let entry: AuditEntry = noun_of(cells_in(<AuditEntry as crate::Noun>::TABLE, &row)?)?;
            report.entries += 1;
            let (number, hash) = ends
                .remove(&entry.device)
                .unwrap_or_else(|| (0, "0".repeat(64)));
            let sound = entry.number == number + 1
                && entry.previous_hash == hash
                && entry.hash == entry.expected_hash();
            if !sound {
                report.broken.push(entry.id);
            }
            ends.insert(entry.device, (entry.number, entry.hash));
        }
        Ok(report)
    }
}
