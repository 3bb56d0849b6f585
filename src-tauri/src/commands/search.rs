//! Searching through the files of a project, and replacing what was found.

use crate::{
    desk::Desk,
    streams::Streams,
    views::{CommandError, FileHashView, ProjectId, QueryView, ReplacedView, SearchNewsView},
};
use plimsoll_engine::FileHash;
use tauri::{State, ipc::Channel};

/// Searches every text of a project that is not ignored, until it is through or is stopped by the
/// number that this answers. `instead` is what would stand there instead, for a preview.
#[tauri::command]
#[specta::specta]
pub async fn search_start(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    project_id: ProjectId,
    query: QueryView,
    instead: Option<String>,
    channel: Channel<SearchNewsView>,
) -> Result<u32, CommandError> {
    let engine = desk.engine().await?;
    let mut search = engine
        .search_files(project_id.into(), query.into(), instead)
        .await?;
    Ok(streams.start(async move {
        while let Some(news) = search.next().await {
            if channel.send(news.into()).is_err() {
                return;
            }
        }
    }))
}

/// Replaces what a search found in those files that are still as it has seen them.
#[tauri::command]
#[specta::specta]
pub async fn search_replace(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    query: QueryView,
    instead: String,
    files: Vec<FileHashView>,
) -> Result<ReplacedView, CommandError> {
    let files: Result<Vec<FileHash>, _> = files.into_iter().map(FileHashView::read).collect();
    let engine = desk.engine().await?;
    let replaced = engine.replace_in_files(project_id.into(), query.into(), instead, files?);
    Ok(replaced.await?.into())
}
