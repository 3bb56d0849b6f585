//! The files of projects, and files that people choose in the system's own dialog.

use crate::{
    desk::Desk,
    drops::Drops,
    streams::Streams,
    views::{
        CommandError, DraftView, FileReadView, FileWritingView, FolderNewsView, NewTextView,
        ProjectId, TakenInView, TreeEntryView,
    },
};
use plimsoll_domain::content::ContentHash;
use plimsoll_engine::ports::{FolderWatch, Watched};
use tauri::{AppHandle, State, ipc::Channel};
use tauri_plugin_dialog::{DialogExt, FileDialogBuilder, FilePath};

/// The entries of one folder of a project; an empty path is the project's folder itself.
#[tauri::command]
#[specta::specta]
pub async fn file_list(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    path: String,
) -> Result<Vec<TreeEntryView>, CommandError> {
    let engine = desk.engine().await?;
    let entries = engine.file_entries(project_id.into(), &path).await?;
    Ok(entries.into_iter().map(Into::into).collect())
}

/// A file of a project, as far as it can be shown.
#[tauri::command]
#[specta::specta]
pub async fn file_read(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    path: String,
) -> Result<FileReadView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.read_file(project_id.into(), &path).await?.into())
}

/// Writes a text over what was read; without a hash, as a new file. What somebody else wrote
/// meanwhile is answered and stays.
#[tauri::command]
#[specta::specta]
pub async fn file_write(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    path: String,
    text: NewTextView,
    seen: Option<String>,
) -> Result<FileWritingView, CommandError> {
    let seen = hash(seen)?;
    let engine = desk.engine().await?;
    let written = engine.write_file(project_id.into(), &path, text.into(), seen);
    Ok(written.await?.into())
}

/// Makes an empty file or a folder. Answers why Windows could not keep it, where that is so.
#[tauri::command]
#[specta::specta]
pub async fn file_create(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    path: String,
    is_folder: bool,
) -> Result<Option<String>, CommandError> {
    let engine = desk.engine().await?;
    let made = engine.create_file(project_id.into(), &path, is_folder);
    Ok(made.await?.map(str::to_owned))
}

/// Renames or moves a file or a folder. Answers why Windows could not keep it, where that is so.
#[tauri::command]
#[specta::specta]
pub async fn file_move(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    from: String,
    to: String,
) -> Result<Option<String>, CommandError> {
    let engine = desk.engine().await?;
    let moved = engine.move_file(project_id.into(), &from, &to).await?;
    Ok(moved.map(str::to_owned))
}

/// Copies what was dropped on the window into a folder of a project. Only what a person dropped
/// can be copied, by the number under which that was told.
#[tauri::command]
#[specta::specta]
pub async fn file_take_in(
    desk: State<'_, Desk>,
    drops: State<'_, Drops>,
    project_id: ProjectId,
    drop: u32,
    folder: String,
) -> Result<TakenInView, CommandError> {
    let paths = drops.take(drop)?;
    let engine = desk.engine().await?;
    let taken = engine.take_in_files(project_id.into(), paths, &folder);
    Ok(taken.await?.into())
}

/// Tells what happens in these folders of a project, until it is stopped by the number that this
/// answers.
#[tauri::command]
#[specta::specta]
pub async fn file_watch(
    desk: State<'_, Desk>,
    streams: State<'_, Streams>,
    project_id: ProjectId,
    folders: Vec<String>,
    channel: Channel<FolderNewsView>,
) -> Result<u32, CommandError> {
    let watched = Watched::Only(folders.into_iter().collect());
    let engine = desk.engine().await?;
    let watch = engine.watch_folder(project_id.into(), watched).await?;
    let FolderWatch { mut news, watching } = watch;
    Ok(streams.start(async move {
        // It lasts as long as the stream does; a field that nothing names would not come along.
        let _watching = watching;
        while let Some(news) = news.recv().await {
            if channel.send(news.into()).is_err() {
                return;
            }
        }
    }))
}

/// Keeps what was typed into a file and not saved.
#[tauri::command]
#[specta::specta]
pub async fn file_keep_draft(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    draft: DraftView,
) -> Result<(), CommandError> {
    let draft = draft.read()?;
    let engine = desk.engine().await?;
    Ok(engine.keep_file_draft(project_id.into(), draft).await?)
}

/// Forgets what was typed into a file and not saved.
#[tauri::command]
#[specta::specta]
pub async fn file_forget_draft(
    desk: State<'_, Desk>,
    project_id: ProjectId,
    path: String,
) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.forget_file_draft(project_id.into(), &path).await?)
}

/// Everything that was typed into the files of a project and not saved.
#[tauri::command]
#[specta::specta]
pub async fn file_drafts(
    desk: State<'_, Desk>,
    project_id: ProjectId,
) -> Result<Vec<DraftView>, CommandError> {
    let drafts = desk.engine().await?.file_drafts(project_id.into()).await?;
    Ok(drafts.into_iter().map(Into::into).collect())
}

fn hash(text: Option<String>) -> Result<Option<ContentHash>, CommandError> {
    let read = text.map(|text| text.parse()).transpose();
    read.map_err(|_| {
        CommandError::input(
            "invalid_hash",
            "It is not known what was read.",
            "Open it again.",
        )
    })
}

/// Lets somebody choose a file that is there; none when they change their mind.
#[tauri::command]
#[specta::specta]
pub async fn file_pick(app: AppHandle, title: String) -> Option<String> {
    chosen(
        app.dialog().file().set_title(title),
        FileDialogBuilder::pick_file,
    )
    .await
}

/// Lets somebody say where a file shall be written; none when they change their mind.
#[tauri::command]
#[specta::specta]
pub async fn file_place(app: AppHandle, title: String, name: String) -> Option<String> {
    let dialog = app.dialog().file().set_title(title).set_file_name(name);
    chosen(dialog, FileDialogBuilder::save_file).await
}

type Answer = Box<dyn FnOnce(Option<FilePath>) + Send>;

async fn chosen<R: tauri::Runtime>(
    dialog: FileDialogBuilder<R>,
    open: impl FnOnce(FileDialogBuilder<R>, Answer),
) -> Option<String> {
    let (told, choice) = tokio::sync::oneshot::channel();
    open(
        dialog,
        Box::new(move |file| {
            // Nobody waits any more when the page was closed.
            let _ = told.send(file);
        }),
    );
    let file = choice.await.ok()??;
    file.into_path().ok()?.to_str().map(str::to_owned)
}
