//! Versions of projects' files.

use crate::{
    desk::Desk,
    streams::Streams,
    views::{
        CheckedView, CommandError, EnvironmentId, ImportedVersionView, PlanView, ProjectId,
        PrunableView, ReceiptView, RepairedView, RestoredVersionView, SavingNewsView, ServiceId,
        VersionDifferenceView, VersionEntryView, VersionFileView, VersionId, VersionView,
    },
};
use plimsoll_domain::{name::Name, version::Retention};

use plimsoll_engine::{DeployRequest, EngineError};
use std::path::Path;
use tauri::{State, ipc::Channel};

/// The versions of a project, newest first.
#[tauri::command]
#[specta::specta]
pub async fn version_list(
    desk: State<'_, Desk>,
    project_id: ProjectId,
) -> Result<Vec<VersionView>, CommandError> {
    let versions = desk.engine().await?.versions(project_id.into()).await?;
    Ok(versions.into_iter().map(Into::into).collect())
}

/// Saves a project's files as they are, and tells how far it has come, until it is done or is
/// stopped by the number that this answers.
#[tauri::command]
#[specta::specta]
pub async fn version_save(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    project_id: ProjectId,
    message: String,
    channel: Channel<SavingNewsView>,
) -> Result<u32, CommandError> {
    let engine = desk.engine().await?;
    let mut saving = engine.start_saving(project_id.into(), &message).await?;
    Ok(streams.start(async move {
        while let Some(news) = saving.next().await {
            if channel.send(news.into()).is_err() {
                return;
            }
        }
    }))
}

/// The entries of a folder of a version.
#[tauri::command]
#[specta::specta]
pub async fn version_entries(
    desk: State<'_, Desk>,
    version_id: VersionId,
    path: String,
) -> Result<Vec<VersionEntryView>, CommandError> {
    let engine = desk.engine().await?;
    let entries = engine.version_entries(version_id.into(), &path).await?;
    Ok(entries.into_iter().map(Into::into).collect())
}

/// A file of a version.
#[tauri::command]
#[specta::specta]
pub async fn version_file(
    desk: State<'_, Desk>,
    version_id: VersionId,
    path: String,
) -> Result<VersionFileView, CommandError> {
    let engine = desk.engine().await?;
    let file = engine.version_file(version_id.into(), &path).await?;
    Ok(VersionFileView::of(&path, file))
}

/// What differs between two versions; without the first, between nothing and the second.
#[tauri::command]
#[specta::specta]
pub async fn version_compare(
    desk: State<'_, Desk>,
    before: Option<VersionId>,
    after: VersionId,
) -> Result<Vec<VersionDifferenceView>, CommandError> {
    let engine = desk.engine().await?;
    let found = engine.compare_versions(before.map(Into::into), after.into());
    Ok(found.await?.into_iter().map(Into::into).collect())
}

/// Puts a version back, or one file or folder of it. What is there is saved first.
#[tauri::command]
#[specta::specta]
pub async fn version_restore(
    desk: State<'_, Desk>,
    version_id: VersionId,
    path: Option<String>,
) -> Result<RestoredVersionView, CommandError> {
    let engine = desk.engine().await?;
    let done = engine.restore_version(version_id.into(), path.as_deref());
    Ok(done.await?.into())
}

/// Marks a version as the active one of its project.
#[tauri::command]
#[specta::specta]
pub async fn version_activate(
    desk: State<'_, Desk>,
    version_id: VersionId,
) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.activate_version(version_id.into()).await?.into())
}

/// Gives a version a name; an empty one takes it away.
#[tauri::command]
#[specta::specta]
pub async fn version_name(
    desk: State<'_, Desk>,
    version_id: VersionId,
    name: String,
) -> Result<ReceiptView, CommandError> {
    let name = match name.trim() {
        "" => None,
        name => Some(
            Name::parse(name).map_err(|error| CommandError::of_name(EngineError::from(error)))?,
        ),
    };
    let engine = desk.engine().await?;
    let named = engine.name_version(version_id.into(), name);
    Ok(named.await.map_err(CommandError::of_name)?.into())
}

/// Pins a version, so that it stays when others are pruned, or lets it loose.
#[tauri::command]
#[specta::specta]
pub async fn version_pin(
    desk: State<'_, Desk>,
    version_id: VersionId,
    pinned: bool,
) -> Result<ReceiptView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.pin_version(version_id.into(), pinned).await?.into())
}

/// What a rule would let go of a project's versions.
#[tauri::command]
#[specta::specta]
pub async fn version_prunable(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    last: u32,
    days: u32,
) -> Result<PrunableView, CommandError> {
    let engine = desk.engine().await?;
    let told = engine.prunable_versions(project_id.into(), Retention { last, days });
    Ok(told.await?.into())
}

/// Lets go what a rule says.
#[tauri::command]
#[specta::specta]
pub async fn version_prune(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    last: u32,
    days: u32,
) -> Result<PrunableView, CommandError> {
    let engine = desk.engine().await?;
    let pruned = engine.prune_versions(project_id.into(), Retention { last, days });
    Ok(pruned.await?.into())
}

/// Writes a version as a zip archive.
#[tauri::command]
#[specta::specta]
pub async fn version_export(
    desk: State<'_, Desk>,
    version_id: VersionId,
    path: String,
) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    let written = engine.export_version(version_id.into(), Path::new(&path));
    Ok(written.await?)
}

/// Takes a zip archive in as a version.
#[tauri::command]
#[specta::specta]
pub async fn version_import(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    path: String,
    message: String,
) -> Result<ImportedVersionView, CommandError> {
    let engine = desk.engine().await?;
    let taken = engine.import_version(project_id.into(), Path::new(&path), &message);
    Ok(taken.await?.into())
}

/// Proves that every version of every project can be read; with `read_data` by reading every byte.
#[tauri::command]
#[specta::specta]
pub async fn version_check(
    desk: State<'_, Desk>,
    read_data: bool,
) -> Result<CheckedView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.check_versions(read_data).await?.into())
}

/// Keeps again what the projects' folders still have of what is damaged.
#[tauri::command]
#[specta::specta]
pub async fn version_repair(desk: State<'_, Desk>) -> Result<RepairedView, CommandError> {
    Ok(desk.engine().await?.repair_versions().await?.into())
}

/// Plans a release of a service from a version of its project's files.
#[tauri::command]
#[specta::specta]
pub async fn version_plan_deploy(
    desk: State<'_, Desk>,
    environment_id: EnvironmentId,
    service_id: ServiceId,
    number: u32,
) -> Result<PlanView, CommandError> {
    let request = DeployRequest {
        environment_id: environment_id.into(),
        service_id: service_id.into(),
        reference: None,
        configuration_id: None,
        version: Some(number),
    };
    Ok(desk.engine().await?.plan_deploy(request).await?.into())
}
