//! Folders of this machine, watched by what the system offers for it.
//!
//! Linux watches folder by folder, and only so many of a user's: so only those are asked for that
//! somebody looks at, and none that is ignored. Other systems watch a whole tree at once; what
//! nobody looks at is left out afterwards.

mod asked;
mod below;
mod pending;
mod seen;

use async_trait::async_trait;
use notify::Event;
use plimsoll_engine::ports::{
    FolderWatch, FolderWatcher, PortError, PortResult, Watched, Watching,
};
use plimsoll_store::files::Rules;
use seen::Watch;
use std::{path::Path, sync::mpsc, thread};
use tokio::sync::{mpsc as news, oneshot};

/// Watches folders of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watcher;

#[async_trait]
impl FolderWatcher for Watcher {
    async fn watch(
        &self,
        folder: &Path,
        ignored: &[String],
        watched: Watched,
    ) -> PortResult<FolderWatch> {
        let root = folder
            .canonicalize()
            .map_err(|error| gone(folder, &error))?;
        let (orders, taken) = mpsc::channel();
        let (told, news) = news::channel(1);
        let events = orders.clone();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody takes it any more once the watch has ended.
            let _ = events.send(Order::Event(event));
        })
        .map_err(|error| refused(&root, &error))?;
        let rules = Rules::readable(&root, ignored);
        let watch = Watch::new(root, rules, watcher, watched.clone(), told);
        thread::Builder::new()
            .name("folder watch".to_owned())
            .spawn(move || watch.run(&taken))
            .map_err(|error| {
                PortError::new("folder_watch", "The folder could not be watched.")
                    .evidence(error.to_string())
            })?;
        let watching = Handle { orders };
        watching.turn_to(watched).await?;
        Ok(FolderWatch {
            news,
            watching: Box::new(watching),
        })
    }
}

enum Order {
    Event(notify::Result<Event>),
    TurnTo(Watched, oneshot::Sender<PortResult<()>>),
    End,
}

struct Handle {
    orders: mpsc::Sender<Order>,
}

#[async_trait]
impl Watching for Handle {
    async fn turn_to(&self, watched: Watched) -> PortResult<()> {
        let (answer, done) = oneshot::channel();
        let ended = || {
            PortError::new(
                "folder_watch",
                "The watch of the folder has ended by itself.",
            )
            .next_step("Open the files again.")
        };
        let order = Order::TurnTo(watched, answer);
        self.orders.send(order).map_err(|_| ended())?;
        done.await.map_err(|_| ended())?
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Its thread may have ended by itself.
        let _ = self.orders.send(Order::End);
    }
}

fn gone(folder: &Path, error: &std::io::Error) -> PortError {
    PortError::new(
        "folder_gone",
        format!("The folder {} is not there.", folder.display()),
    )
    .evidence(error.to_string())
    .next_step("Plug the disk in, or choose where the folder is now. Saved versions are there.")
}

fn refused(path: &Path, error: &notify::Error) -> PortError {
    if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) {
        return PortError::new(
            "watch_limit",
            "The system watches no more folders for you, so changes may show late.",
        )
        .evidence(format!("{}: {error}", path.display()))
        .next_step("Raise fs.inotify.max_user_watches, or name large folders in .plimsollignore.");
    }
    PortError::new(
        "folder_watch",
        format!("The folder {} cannot be watched.", path.display()),
    )
    .evidence(error.to_string())
    .next_step("Check that you may read it.")
}

#[cfg(test)]
mod tests;
