//! The engine behind the window: opened beside it, so that the window is there at once.

use crate::{changes, views::CommandError};
use plimsoll_domain::job::Failure;
use plimsoll_engine::Engine;
use tauri::{AppHandle, Manager};
use tokio::sync::watch;

/// How far the opening has come.
#[derive(Clone)]
enum Opening {
    Underway,
    Open(Engine),
    Failed(Failure),
}

/// The engine, or why there is none. Managed by Tauri.
pub struct Desk(watch::Sender<Opening>);

impl Default for Desk {
    fn default() -> Self {
        Self(watch::Sender::new(Opening::Underway))
    }
}

impl Desk {
    /// The engine; waits while it is being opened.
    ///
    /// # Errors
    /// What kept the engine from opening.
    pub async fn engine(&self) -> Result<Engine, CommandError> {
        let mut opening = self.0.subscribe();
        let settled = opening
            .wait_for(|opening| !matches!(opening, Opening::Underway))
            .await;
        match settled.as_deref() {
            Ok(Opening::Open(engine)) => Ok(engine.clone()),
            Ok(Opening::Failed(failure)) => Err(failure.clone().into()),
            Ok(Opening::Underway) | Err(_) => Err(CommandError::closing()),
        }
    }

    /// The engine if it is open by now.
    pub fn engine_now(&self) -> Option<Engine> {
        match &*self.0.borrow() {
            Opening::Open(engine) => Some(engine.clone()),
            Opening::Underway | Opening::Failed(_) => None,
        }
    }
}

/// Opens the engine in the background, and once more after it failed.
pub fn open(app: AppHandle) {
    app.state::<Desk>().0.send_replace(Opening::Underway);
    tauri::async_runtime::spawn(async move {
        let opened = match plimsoll_adapters::desktop(plimsoll_adapters::Settings::default()).await
        {
            Ok(engine) => engine.start().await.map(|()| engine),
            Err(error) => Err(error),
        };
        let desk = app.state::<Desk>();
        match opened {
            Ok(engine) => {
                changes::forward(app.clone(), engine.clone());
                desk.0.send_replace(Opening::Open(engine));
            }
            Err(error) => {
                desk.0.send_replace(Opening::Failed(error.into_failure()));
            }
        }
    });
}
