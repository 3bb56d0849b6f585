//! Forms and what was typed into them.

use crate::{
    desk::Desk,
    views::{CommandError, FieldErrorView, FormKindView, OpenFormView, ValuesView},
};
use plimsoll_domain::form::FormKind;
use tauri::{AppHandle, State};
use tauri_plugin_dialog::DialogExt;

/// Opens a form about something: an id of what it changes or of what a new one will belong to.
#[tauri::command]
#[specta::specta]
pub async fn form_open(
    desk: State<'_, Desk>,
    kind: FormKindView,
    about: String,
) -> Result<OpenFormView, CommandError> {
    let engine = desk.engine().await?;
    Ok(engine.open_form(kind.into(), &about).await?.into())
}

/// Everything that is wrong with what was typed.
#[tauri::command]
#[specta::specta]
pub fn form_check(kind: FormKindView, values: ValuesView) -> Vec<FieldErrorView> {
    let errors = FormKind::from(kind).check(&values.into());
    errors.into_iter().map(Into::into).collect()
}

/// Keeps what was typed until the form is opened again, without secrets.
#[tauri::command]
#[specta::specta]
pub async fn draft_keep(
    desk: State<'_, Desk>,
    kind: FormKindView,
    about: String,
    values: ValuesView,
) -> Result<(), CommandError> {
    let engine = desk.engine().await?;
    Ok(engine
        .keep_draft(kind.into(), &about, &values.into())
        .await?)
}

/// Forgets what was typed.
#[tauri::command]
#[specta::specta]
pub async fn draft_forget(
    desk: State<'_, Desk>,
    kind: FormKindView,
    about: String,
) -> Result<(), CommandError> {
    Ok(desk
        .engine()
        .await?
        .forget_draft(kind.into(), &about)
        .await?)
}

/// Lets somebody choose a folder; none when they change their mind.
#[tauri::command]
#[specta::specta]
pub async fn folder_pick(app: AppHandle, title: String) -> Option<String> {
    let (chosen, choice) = tokio::sync::oneshot::channel();
    app.dialog().file().set_title(title).pick_folder(|folder| {
        // Nobody waits any more when the page was closed.
        let _ = chosen.send(folder);
    });
    let folder = choice.await.ok()??;
    folder.into_path().ok()?.to_str().map(str::to_owned)
}
