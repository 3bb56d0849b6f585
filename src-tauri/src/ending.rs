//! The end of the program: first the page keeps what was typed last.

use crate::views::Ending;
use std::time::Duration;
use tauri::{AppHandle, Manager, Runtime};
use tauri_specta::Event;
use tokio::{sync::Notify, time::timeout};

/// How long the page may take to keep what was typed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Hears that the page has kept what was typed. Managed by Tauri.
#[derive(Default)]
pub struct Kept(Notify);

impl Kept {
    /// Nothing that was typed waits to be kept any more.
    pub fn say(&self) {
        self.0.notify_waiters();
    }
}

/// Has the page keep what was typed last. One that does not answer is not waited for any longer.
pub async fn keep_what_was_typed<R: Runtime>(app: &AppHandle<R>) {
    let kept = app.state::<Kept>();
    // Hears from here on, also what is said before it is waited for.
    let said = kept.0.notified();
    if let Err(error) = Ending.emit(app) {
        tracing::warn!("the page could not be told of the end: {error}");
    } else if timeout(LAST_WORDS, said).await.is_err() {
        tracing::warn!("the page did not say within {LAST_WORDS:?} that what was typed is kept");
    }
}

/// Ends the program.
pub async fn end<R: Runtime>(app: &AppHandle<R>) {
    keep_what_was_typed(app).await;
    app.exit(0);
}
