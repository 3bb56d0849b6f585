//! Jobs: looked at, followed, moved; their logs by the window of lines.

use crate::{
    desk::Desk,
    streams::Streams,
    views::{
        CommandError, JobDetailView, JobId, JobLinesView, JobNewsView, JobPageView, JobStatusView,
        ReceiptView, SinceView,
    },
};
use futures::{StreamExt, pin_mut};
use plimsoll_domain::job::Job;
use plimsoll_engine::{Engine, JobFilter, Page};
use tauri::{State, ipc::Channel};

/// A job as it is now, with the deployment that it does.
#[tauri::command]
#[specta::specta]
pub async fn job_get(desk: State<'_, Desk>, job_id: JobId) -> Result<JobDetailView, CommandError> {
    let engine = desk.engine().await?;
    Ok(JobDetailView {
        now: engine.job_now(job_id.into()).await?.into(),
        deployment: engine
            .deployment_row_of(job_id.into())
            .await?
            .map(Into::into),
    })
}

/// Jobs, newest first, from where the page before ended.
#[tauri::command]
#[specta::specta]
pub async fn job_list(
    desk: State<'_, Desk>,
    status: Option<JobStatusView>,
    before: Option<String>,
    limit: u32,
) -> Result<JobPageView, CommandError> {
    let filter = JobFilter {
        status: status.map(Into::into),
        ..JobFilter::default()
    };
    let page = Page { before, limit };
    Ok(desk.engine().await?.jobs(&filter, &page).await?.into())
}

/// Tells how a job is, at once and whenever that changes, until it ends or is stopped by the number
/// that this answers.
#[tauri::command]
#[specta::specta]
pub async fn job_follow(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    job_id: JobId,
    channel: Channel<JobNewsView>,
) -> Result<u32, CommandError> {
    let news = desk.engine().await?.follow(job_id.into()).await?;
    Ok(streams.start(async move {
        pin_mut!(news);
        while let Some(told) = news.next().await {
            match told {
                Ok(told) => {
                    if channel.send(told.into()).is_err() {
                        return;
                    }
                }
                Err(error) => return tracing::warn!("a job could not be followed: {error}"),
            }
        }
    }))
}

/// Asks a job to stop.
#[tauri::command]
#[specta::specta]
pub async fn job_cancel(desk: State<'_, Desk>, job_id: JobId) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    let job = engine.cancel(job_id.into()).await?;
    moved(&engine, job).await
}

/// Goes on with an interrupted job.
#[tauri::command]
#[specta::specta]
pub async fn job_resume(desk: State<'_, Desk>, job_id: JobId) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    let job = engine.resume(job_id.into()).await?;
    moved(&engine, job).await
}

/// Takes back what an interrupted or failed job did.
#[tauri::command]
#[specta::specta]
pub async fn job_undo(desk: State<'_, Desk>, job_id: JobId) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    let job = engine.undo(job_id.into()).await?;
    moved(&engine, job).await
}

/// Tries the rest of a failed or cancelled job again.
#[tauri::command]
#[specta::specta]
pub async fn job_retry(desk: State<'_, Desk>, job_id: JobId) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    let job = engine.retry(job_id.into()).await?;
    moved(&engine, job).await
}

async fn moved(engine: &Engine, job: Job) -> Result<ReceiptView, CommandError> {
    Ok(ReceiptView {
        id: job.id.to_string(),
        seq: engine.last_seq().await?,
    })
}

/// What happened on the servers since a deployment was interrupted.
#[tauri::command]
#[specta::specta]
pub async fn job_since(
    desk: State<'_, Desk>,
    job_id: JobId,
) -> Result<Vec<SinceView>, CommandError> {
    let since = desk.engine().await?.since(job_id.into()).await?;
    Ok(since.into_iter().map(Into::into).collect())
}

/// Lines of a job's log, or of one of its steps, from a number on.
#[tauri::command]
#[specta::specta]
pub async fn job_lines(
    desk: State<'_, Desk>,
    job_id: JobId,
    step: Option<u32>,
    from: u64,
    count: u32,
) -> Result<JobLinesView, CommandError> {
    let engine = desk.engine().await?;
    let (from, lines) = engine.log_window(job_id.into(), step, from, count).await?;
    Ok(JobLinesView {
        from,
        lines: lines.into_iter().map(Into::into).collect(),
    })
}

/// The nearest line of a job's log with a text in it. A search that is asked for while it goes on
/// ends it, and it answers none.
#[tauri::command]
#[specta::specta]
pub async fn job_line_with(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    job_id: JobId,
    step: Option<u32>,
    text: String,
    from: u64,
    forward: bool,
) -> Result<Option<u64>, CommandError> {
    let engine = desk.engine().await?;
    let search = engine.log_search(job_id.into(), step, &text, from, forward);
    Ok(streams.search(search).await.transpose()?.flatten())
}
