//! Canvases: pages that are previewed as they are written.

use crate::{
    canvas::{self, Served},
    desk::Desk,
    streams::Streams,
    views::{
        CanvasFileView, CanvasNewsView, CanvasView, ColorSchemeView, CommandError, ProjectId,
        ReceiptView,
    },
    watch,
};
use futures::StreamExt;
use plimsoll_domain::canvas::CanvasName;
use tauri::{AppHandle, State, ipc::Channel};

/// The canvases of a project, the main one first.
#[tauri::command]
#[specta::specta]
pub async fn canvas_list(
    desk: State<'_, Desk>,
    project_id: ProjectId,
) -> Result<Vec<CanvasView>, CommandError> {
    let canvases = desk.engine().await?.canvases(project_id.into()).await?;
    Ok(canvases.into_iter().map(Into::into).collect())
}

/// The files of a canvas.
#[tauri::command]
#[specta::specta]
pub async fn canvas_files(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    canvas: String,
) -> Result<Vec<CanvasFileView>, CommandError> {
    let canvas = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    let files = engine.canvas_files(project_id.into(), &canvas).await?;
    Ok(files.into_iter().map(Into::into).collect())
}

/// Writes the page that a canvas begins with.
#[tauri::command]
#[specta::specta]
pub async fn canvas_create(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    canvas: String,
) -> Result<(), CommandError> {
    let canvas = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    Ok(engine.create_canvas(project_id.into(), &canvas).await?)
}

/// Puts a file, base64 (RFC 4648 §4), into a canvas's assets; answers its path there.
#[tauri::command]
#[specta::specta]
pub async fn canvas_add_asset(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    canvas: String,
    name: String,
    content: String,
) -> Result<String, CommandError> {
    let called = CanvasName::parse(&canvas)?;
    let content = canvas::decoded(&content)?;
    let engine = desk.engine().await?;
    let added = engine.add_canvas_asset(project_id.into(), &called, &name, &content);
    Ok(added.await?.to_string())
}

/// Opens a preview; answers its address.
#[tauri::command]
#[specta::specta]
pub async fn canvas_open(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    canvas: String,
    scheme: ColorSchemeView,
) -> Result<String, CommandError> {
    let name = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    let opened = engine.open_canvas(project_id.into(), &name, scheme.into());
    Ok(canvas::address(&opened.await?))
}

/// Shows a text in previews as if it had been saved; without a text, what is on disk again.
#[tauri::command]
#[specta::specta]
pub async fn canvas_draft(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    canvas: String,
    path: String,
    text: Option<String>,
) -> Result<(), CommandError> {
    let canvas = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    Ok(engine.draft_canvas(project_id.into(), &canvas, &path, text)?)
}

/// What previews show of a file before it is saved; null when it is what is on disk.
#[tauri::command]
#[specta::specta]
pub async fn canvas_drafted(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    canvas: String,
    path: String,
) -> Result<Option<String>, CommandError> {
    let canvas = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    Ok(engine.drafted_canvas(project_id.into(), &canvas, &path)?)
}

/// Leaves a canvas's own scripts out of what is loaded next, or runs them again.
#[tauri::command]
#[specta::specta]
pub async fn canvas_run_scripts(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    canvas: String,
    run: bool,
) -> Result<(), CommandError> {
    let canvas = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    engine.set_canvas_scripts(project_id.into(), &canvas, run);
    Ok(())
}

/// Tells which files of a canvas change, until it is stopped by the number that it answers. While it
/// does, the canvas is shown.
#[tauri::command]
#[specta::specta]
pub async fn canvas_follow(
    app: AppHandle,
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    project_id: ProjectId,
    canvas: String,
    channel: Channel<CanvasNewsView>,
) -> Result<u32, CommandError> {
    let canvas = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    let mut changes = engine.canvas_changes(project_id.into(), &canvas).await?;
    let watching = watch::watch(app, project_id.into(), canvas);
    Ok(streams.start(async move {
        let following = async move {
            while let Some(paths) = changes.next().await {
                if channel.send(CanvasNewsView { paths }).is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = following => {}
            () = watching => {}
        }
    }))
}

/// Lets a canvas reach these hosts, and no others.
#[tauri::command]
#[specta::specta]
pub async fn canvas_allow(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    canvas: String,
    hosts: Vec<String>,
) -> Result<ReceiptView, CommandError> {
    let canvas = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    let allowed = engine.set_canvas_hosts(project_id.into(), &canvas, &hosts);
    Ok(allowed.await?.into())
}

/// Serves a canvas on this machine's loopback and shows it in the browser; answers its address.
#[tauri::command]
#[specta::specta]
pub async fn canvas_browse(
    desk: State<'_, Desk>,
    served: State<'_, Served>,
    project_id: ProjectId,
    canvas: String,
) -> Result<String, CommandError> {
    let name = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    canvas::browse(&engine, &served, project_id.into(), name).await
}

/// Makes a static service of a canvas, or finds the one that was made of it before.
#[tauri::command]
#[specta::specta]
pub async fn canvas_publish(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    canvas: String,
) -> Result<ReceiptView, CommandError> {
    let canvas = CanvasName::parse(&canvas)?;
    let engine = desk.engine().await?;
    Ok(engine
        .publish_canvas(project_id.into(), &canvas)
        .await?
        .into())
}
