//! The engine behind the window: opened beside it, so that the window is there at once; opened
//! again when somebody unlocks the keychain, chooses a vault or brings everything back.

use crate::{
    activity::{self, Activity},
    canvas::Served,
    changes,
    views::{CommandError, DeskChanged, DeskStateView},
};
use plimsoll_adapters::Settings;
use plimsoll_domain::{Secret, job::Failure};
use plimsoll_engine::Engine;
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tauri::{AppHandle, Manager, async_runtime::JoinHandle};
use tauri_specta::Event;
use tokio::sync::watch;

/// How long the end of the program waits for jobs to be left in order.
const CLOSING: Duration = Duration::from_secs(10);

/// How far the opening has come.
#[derive(Clone)]
enum Opening {
    /// The store is being opened, or the keychain is asked: then somebody may have to unlock it.
    Underway {
        asking_keychain: bool,
    },
    Open(Engine),
    /// The store is open; the keychain is not.
    Locked(Engine, Failure),
    Failed(Failure),
}

/// The engine, or why there is none. Managed by Tauri.
pub struct Desk {
    opening: watch::Sender<Opening>,
    /// Held by whoever opens it.
    turn: tokio::sync::Mutex<()>,
    /// Of the vault, once somebody gave it: an opening again shall not ask again.
    passphrase: Mutex<Option<Secret>>,
    /// What people are told as soon as there is a store to keep it.
    untold: Mutex<Vec<(String, String)>>,
    forwarding: Mutex<Option<JoinHandle<()>>>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            opening: watch::Sender::new(Opening::Underway {
                asking_keychain: false,
            }),
            turn: tokio::sync::Mutex::default(),
            passphrase: Mutex::default(),
            untold: Mutex::default(),
            forwarding: Mutex::default(),
        }
    }
}

impl Desk {
    /// The engine; waits while it is being opened.
    ///
    /// # Errors
    /// What kept the engine from opening.
    pub async fn engine(&self) -> Result<Engine, CommandError> {
        let mut opening = self.opening.subscribe();
        let settled = opening
            .wait_for(|opening| !matches!(opening, Opening::Underway { .. }))
            .await;
        match settled.as_deref() {
            Ok(Opening::Open(engine)) => Ok(engine.clone()),
            Ok(Opening::Locked(_, failure) | Opening::Failed(failure)) => {
                Err(failure.clone().into())
            }
            Ok(Opening::Underway { .. }) | Err(_) => Err(CommandError::closing()),
        }
    }

    /// The engine if it is open by now.
    pub fn engine_now(&self) -> Option<Engine> {
        match &*self.opening.borrow() {
            Opening::Open(engine) => Some(engine.clone()),
            Opening::Underway { .. } | Opening::Locked(..) | Opening::Failed(_) => None,
        }
    }

    /// How far the opening has come, for the pages.
    pub fn state(&self) -> DeskStateView {
        match &*self.opening.borrow() {
            Opening::Underway { asking_keychain } => DeskStateView::Opening {
                asking_keychain: *asking_keychain,
            },
            Opening::Open(_) => DeskStateView::Open,
            Opening::Locked(_, failure) => DeskStateView::Locked {
                vault: failure.code.starts_with("vault_"),
                failure: failure.clone().into(),
            },
            Opening::Failed(failure) => DeskStateView::Failed {
                failure: failure.clone().into(),
            },
        }
    }

    /// Tells people something as soon as there is a store that keeps it until they have read it.
    pub fn leave_notice(&self, title: &str, text: &str) {
        lock(&self.untold).push((title.to_owned(), text.to_owned()));
    }

    /// Ends in order: jobs in the middle become interrupted at once.
    pub async fn close(&self) {
        if let Some(engine) = self.engine_now()
            && let Ok(Err(error)) | Err(error) = tokio::time::timeout(CLOSING, engine.close())
                .await
                .map(|closed| closed.map_err(|error| error.to_string()))
                .map_err(|_| "it took too long".to_owned())
        {
            tracing::warn!("jobs could not be left in order: {error}");
        }
    }

    fn set(&self, app: &AppHandle, opening: Opening) {
        self.opening.send_replace(opening);
        let changed = DeskChanged {
            state: self.state(),
        };
        if let Err(error) = changed.emit(app) {
            tracing::warn!("the window could not be told how far it is: {error}");
        }
    }

    /// Lets go of the engine that is open, however far it came.
    async fn shut(&self) {
        if let Some(forwarding) = lock(&self.forwarding).take() {
            forwarding.abort();
        }
        let engine = match &*self.opening.borrow() {
            Opening::Open(engine) | Opening::Locked(engine, _) => Some(engine.clone()),
            Opening::Underway { .. } | Opening::Failed(_) => None,
        };
        if let Some(engine) = engine
            && let Err(error) = engine.shut().await
        {
            tracing::warn!("the store could not be closed in order: {error}");
        }
    }
}

/// Where everything is kept: the folder that the environment names, or the user's own.
pub fn home() -> Option<PathBuf> {
    std::env::var_os("PLIMSOLL_HOME")
        .filter(|named| !named.is_empty())
        .map(PathBuf::from)
}

/// Opens the engine in the background.
pub fn open(app: AppHandle) {
    tauri::async_runtime::spawn(async move { reopen(&app).await });
}

/// Opens the engine, closing the one that is open; answers when that is settled.
pub async fn reopen(app: &AppHandle) {
    let desk = app.state::<Desk>();
    let _turn = desk.turn.lock().await;
    app.state::<Served>().stop_all();
    desk.shut().await;
    desk.set(app, underway(false));
    let settings = Settings {
        home: home(),
        passphrase: lock(&desk.passphrase).clone(),
        mend: true,
        ..Settings::default()
    };
    let engine = match plimsoll_adapters::desktop(settings).await {
        Ok(engine) => engine,
        Err(error) => return desk.set(app, Opening::Failed(error.into_failure())),
    };
    desk.set(app, underway(true));
    match engine.check_keychain().await {
        Ok(()) => match engine.start().await {
            Ok(()) => settle(app, &desk, engine).await,
            Err(error) => desk.set(app, Opening::Failed(error.into_failure())),
        },
        Err(error) => desk.set(app, Opening::Locked(engine, error.into_failure())),
    }
}

/// Goes on without the keychain: everything can be looked at, and what needs a secret says so.
pub async fn open_anyway(app: &AppHandle) {
    let desk = app.state::<Desk>();
    let _turn = desk.turn.lock().await;
    let locked = match &*desk.opening.borrow() {
        Opening::Locked(engine, _) => Some(engine.clone()),
        Opening::Underway { .. } | Opening::Open(_) | Opening::Failed(_) => None,
    };
    let Some(engine) = locked else { return };
    // The runner asks the keychain for every token, and each answer may take minutes.
    let starting = engine.clone();
    tauri::async_runtime::spawn(async move {
        if let Err(error) = starting.start().await {
            tracing::error!("jobs cannot be worked on: {error}");
        }
    });
    settle(app, &desk, engine).await;
}

/// Makes a vault and uses it from now on, instead of the system's keychain.
pub async fn create_vault(app: &AppHandle, passphrase: Secret) -> Result<(), CommandError> {
    plimsoll_adapters::create_vault(home(), &passphrase)
        .await
        .map_err(CommandError::from)?;
    let desk = app.state::<Desk>();
    *lock(&desk.passphrase) = Some(passphrase);
    reopen(app).await;
    // What was sealed with the keychain's data key opens with that keychain only.
    Ok(desk.engine().await?.begin_new_data_key().await?)
}

/// Opens the vault that is there.
pub async fn unlock_vault(app: &AppHandle, passphrase: Secret) -> Result<(), CommandError> {
    plimsoll_adapters::check_vault(home(), &passphrase)
        .await
        .map_err(CommandError::from)?;
    *lock(&app.state::<Desk>().passphrase) = Some(passphrase);
    reopen(app).await;
    Ok(())
}

/// Brings everything back from an export; answers where an export of what was there before is.
pub async fn restore(
    app: &AppHandle,
    from: &Path,
    passphrase: Secret,
) -> Result<PathBuf, CommandError> {
    let desk = app.state::<Desk>();
    let engine = desk.engine().await?;
    let restored = plimsoll_adapters::restore_everything(&engine, from, &passphrase).await;
    match restored {
        Ok(restored) => {
            let text = format!(
                "What was there before is kept as {}, sealed with the same passphrase.",
                restored.before.display()
            );
            let recalled = restored.recalled.told().into_iter();
            let text: Vec<String> = [text].into_iter().chain(recalled).collect();
            desk.leave_notice(
                "Everything was brought back from an export",
                &text.join(" "),
            );
            reopen(app).await;
            Ok(restored.before)
        }
        Err(error) => {
            // It may have been closed before it failed.
            if engine.is_shut() {
                reopen(app).await;
            }
            Err(error.into())
        }
    }
}

/// Shows what was opened. From here on every change is told.
async fn settle(app: &AppHandle, desk: &Desk, engine: Engine) {
    let seq = match engine.last_seq().await {
        Ok(seq) => seq,
        Err(error) => return desk.set(app, Opening::Failed(error.into_failure())),
    };
    let untold = std::mem::take(&mut *lock(&desk.untold));
    for (title, text) in untold {
        if let Err(error) = engine.leave_notice(&title, &text).await {
            tracing::warn!("a notice could not be kept: {error}");
        }
    }
    match engine.running().await {
        Ok(running) => app.state::<Activity>().begin(running),
        Err(error) => tracing::warn!("running jobs could not be listed: {error}"),
    }
    activity::show(app);
    *lock(&desk.forwarding) = Some(changes::forward(app.clone(), engine.clone(), seq));
    desk.set(app, Opening::Open(engine));
}

fn underway(asking_keychain: bool) -> Opening {
    Opening::Underway { asking_keychain }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
