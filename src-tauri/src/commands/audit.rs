//! Who did what, and when.

use crate::{
    desk::Desk,
    views::{AuditPageView, AuditReportView, CommandError},
};
use plimsoll_engine::{AuditFilter, Page};
use tauri::State;

/// Entries of the audit log, newest first, from where the page before ended.
#[tauri::command]
#[specta::specta]
pub async fn audit_list(
    desk: State<'_, Desk>,
    before: Option<String>,
    limit: u32,
) -> Result<AuditPageView, CommandError> {
    let page = Page { before, limit };
    let engine = desk.engine().await?;
    Ok(engine.audit(&AuditFilter::default(), &page).await?.into())
}

/// Checks every hash, number and link of the audit log.
#[tauri::command]
#[specta::specta]
pub async fn audit_verify(desk: State<'_, Desk>) -> Result<AuditReportView, CommandError> {
    Ok(desk.engine().await?.verify_audit().await?.into())
}
