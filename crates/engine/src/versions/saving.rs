//! A save that somebody watches, and may stop.

use super::save::SavedVersion;
use crate::{Engine, Result};
use plimsoll_domain::ProjectId;
use plimsoll_store::files::Progress;
use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use tokio::sync::mpsc;

/// How often it is told how far a save has come, ms.
const TELL_MS: u64 = 100;

/// What a save tells.
#[derive(Debug)]
pub enum SavingNews {
    /// It has come so far.
    Seen {
        /// Files that were looked at.
        files: u64,
        /// Bytes that were read; what is untouched is not read.
        bytes_read: u64,
    },
    /// It is done.
    Ended(Result<SavedVersion>),
}

/// A save that is under way; dropping it stops it, and then nothing is saved.
#[derive(Debug)]
pub struct Saving {
    news: mpsc::Receiver<SavingNews>,
    progress: Arc<Progress>,
}

impl Saving {
    /// What comes next; `None` after the end.
    pub async fn next(&mut self) -> Option<SavingNews> {
        self.news.recv().await
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        self.progress.cancelled.store(true, Relaxed);
    }
}

impl Engine {
    /// Begins to save the files of a project as they are.
    ///
    /// # Errors
    /// `project_has_no_folder`. What else goes wrong, as [`Engine::save_version`] says, comes as the
    /// end.
    pub async fn start_saving(&self, project: ProjectId, message: &str) -> Result<Saving> {
        self.need_folder(project).await?;
        let (told, news) = mpsc::channel(1);
        let progress = Arc::<Progress>::default();
        let saving = Saving {
            news,
            progress: progress.clone(),
        };
        let (engine, message) = (self.clone(), message.to_owned());
        tokio::spawn(async move {
            let mut saved = pin!(engine.save_version(project, &message, &progress));
            let ended = loop {
                tokio::select! {
                    ended = &mut saved => break ended,
                    () = engine.world.ports.clock.sleep_ms(TELL_MS) => {
                        // Who has not taken the last news yet needs no newer ones.
                        let _ = told.try_send(SavingNews::Seen {
                            files: progress.files.load(Relaxed),
                            bytes_read: progress.bytes_read.load(Relaxed),
                        });
                    }
                }
            };
            let _ = told.send(SavingNews::Ended(ended)).await;
        });
        Ok(saving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_that_nobody_watches_any_more_stops() {
        let progress = Arc::<Progress>::default();
        let saving = Saving {
            news: mpsc::channel(1).1,
            progress: progress.clone(),
        };
        assert!(!progress.cancelled.load(Relaxed));
        drop(saving);
        assert!(progress.cancelled.load(Relaxed));
    }
}
