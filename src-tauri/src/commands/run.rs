//! Services that run on this machine.

use super::health::tell;
use crate::{
    desk::Desk,
    streams::Streams,
    terminals::{PageScreen, Terminals},
    views::{
        CommandError, EnvironmentId, LiveLogNews, ProjectId, ReceiptView, RunsView, ScreenBytes,
        ScreenSizeView, ServiceId, TerminalEndView,
    },
};
use plimsoll_engine::{Engine, LiveLog, RunRequest};
use std::{sync::Arc, time::Duration};
use tauri::{State, ipc::Channel};

/// How many of a log's last lines it begins with.
const TAIL: u32 = 2_000;
/// How often is looked at what runs.
const LOOK: Duration = Duration::from_millis(1_000);

fn request(service: ServiceId, environment: Option<EnvironmentId>) -> RunRequest {
    RunRequest {
        service_id: service.into(),
        environment_id: environment.map(Into::into),
    }
}

/// Builds and starts a service on this machine's Docker; answers the job.
#[tauri::command]
#[specta::specta]
pub async fn run_start(
    desk: State<'_, Desk>,
    service_id: ServiceId,
    environment_id: Option<EnvironmentId>,
) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    let receipt = engine.start_run(request(service_id, environment_id)).await;
    Ok(receipt?.into())
}

/// Tells what runs of a project, or at all, at once and whenever that changes, until it is stopped
/// by the number that it answers.
#[tauri::command]
#[specta::specta]
pub async fn run_watch(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    project_id: Option<ProjectId>,
    channel: Channel<RunsView>,
) -> Result<u32, CommandError> {
    let engine = desk.engine().await?;
    Ok(streams.start(async move {
        let mut told = None;
        loop {
            let now = look(&engine, project_id).await;
            if told.as_ref() != Some(&now) && channel.send(now.clone()).is_err() {
                return;
            }
            told = Some(now);
            tokio::time::sleep(LOOK).await;
        }
    }))
}

async fn look(engine: &Engine, project: Option<ProjectId>) -> RunsView {
    match engine.runs(project.map(Into::into)).await {
        Ok(runs) => RunsView::new(runs, &engine.watched_runs()),
        Err(error) => RunsView::failed(error.into()),
    }
}

/// Shows a service that runs here in the person's browser.
#[tauri::command]
#[specta::specta]
pub async fn run_open(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    service_id: ServiceId,
) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    let url = engine.run_url(project_id.into(), service_id.into()).await?;
    tauri_plugin_opener::open_url(&url, None::<&str>).map_err(|error| {
        CommandError::input(
            "browser_not_opened",
            format!("The browser could not be opened: {error}."),
            &format!("Open {url} yourself."),
        )
    })
}

/// Stops a service, or everything of a project.
#[tauri::command]
#[specta::specta]
pub async fn run_stop(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    service_id: Option<ServiceId>,
) -> Result<(), CommandError> {
    let service = service_id.map(Into::into);
    let engine = desk.engine().await?;
    engine.stop_run(project_id.into(), service).await?;
    Ok(())
}

/// What runs of a project, or at all, as it is now.
#[tauri::command]
#[specta::specta]
pub async fn run_list(
    desk: State<'_, Desk>,
    project_id: Option<ProjectId>,
) -> Result<RunsView, CommandError> {
    Ok(look(&desk.engine().await?, project_id).await)
}

/// Removes what a crash has left of a project, or of all; answers the names of what was removed.
#[tauri::command]
#[specta::specta]
pub async fn run_clean(
    desk: State<'_, Desk>,
    project_id: Option<ProjectId>,
) -> Result<Vec<String>, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.clean_runs(project_id.map(Into::into)).await?)
}

/// Leaves running what a crash has left of a project, or of all.
#[tauri::command]
#[specta::specta]
pub async fn run_keep(
    desk: State<'_, Desk>,
    project_id: Option<ProjectId>,
) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.keep_left_runs(project_id.map(Into::into)).await?)
}

/// Deletes what a project's runs keep in volumes; answers their names.
#[tauri::command]
#[specta::specta]
pub async fn run_delete_data(
    desk: State<'_, Desk>,
    project_id: ProjectId,
) -> Result<Vec<String>, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.delete_run_data(project_id.into()).await?)
}

/// Has a service be built and started again whenever its files change, or not any more.
#[tauri::command]
#[specta::specta]
pub async fn run_restart_on_changes(
    desk: State<'_, Desk>,
    service_id: ServiceId,
    environment_id: Option<EnvironmentId>,
    on: bool,
) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    match on {
        true => {
            let request = request(service_id, environment_id);
            engine.begin_watch_of_run(request).await?;
        }
        false => engine.end_watch_of_run(service_id.into()),
    }
    Ok(())
}

/// Follows what a service prints, or the database of its project, until it is stopped by the number
/// that it answers. The channel tells how many lines there are; the lines are asked for.
#[tauri::command]
#[specta::specta]
pub async fn run_follow_log(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    project_id: ProjectId,
    service_id: Option<ServiceId>,
    channel: Channel<LiveLogNews>,
) -> Result<u32, CommandError> {
    let (engine, log) = (desk.engine().await?, LiveLog::default());
    let (project, service) = (project_id.into(), service_id.map(Into::into));
    let filled = Arc::new(log.clone());
    let follow = async move {
        engine
            .follow_run(project, service, TAIL, true, filled)
            .await
    };
    Ok(streams.start_log(log.clone(), tell(log, follow, channel)))
}

/// Opens a shell in the container of a service, or of the database; answers its number. It is used
/// as a terminal on a server is.
#[tauri::command]
#[specta::specta]
pub async fn run_open_terminal(
    desk: State<'_, Desk>,
    terminals: State<'_, Terminals>,
    project_id: ProjectId,
    service_id: Option<ServiceId>,
    size: ScreenSizeView,
    bytes: Channel<ScreenBytes>,
    end: Channel<TerminalEndView>,
) -> Result<u32, CommandError> {
    let screen = Arc::new(PageScreen::new(bytes, end));
    let (project, service) = (project_id.into(), service_id.map(Into::into));
    let engine = desk.engine().await?;
    let opening = engine.open_run_terminal(project, service, size.into(), screen.clone());
    Ok(terminals.keep(opening.await?, screen))
}
