//! Files that people choose in the system's own dialog.

use tauri::AppHandle;
use tauri_plugin_dialog::{DialogExt, FileDialogBuilder, FilePath};

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
