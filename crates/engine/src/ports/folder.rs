//! Folders of this machine that are watched.

use super::PortResult;
use async_trait::async_trait;
use std::{collections::BTreeSet, path::Path};
use tokio::sync::mpsc;

/// How much of a folder is watched. Paths are relative to it, with slashes; empty for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// This folder and everything below, less what `.gitignore` and `.plimsollignore` name and
    /// what the patterns of the project do.
    Below(String),
    /// The entries of these folders, also the ignored ones, and nothing below them.
    Only(BTreeSet<String>),
}

/// What was seen in a watched folder since the news before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderNews {
    /// At these paths something was made, changed or removed. They are hints: more may have changed
    /// on a disk that tells nothing, such as one over a network.
    Changed(BTreeSet<String>),
    /// More has changed than can be told: look at everything anew.
    Everything,
    /// The folder itself is not there any more. It is looked for; when it is back,
    /// [`FolderNews::Everything`] is told.
    Gone,
}

/// A folder that is being watched, until it is dropped.
pub struct FolderWatch {
    /// What happens, gathered for some 50 ms.
    pub news: mpsc::Receiver<FolderNews>,
    /// What it is watched by.
    pub watching: Box<dyn Watching>,
}

/// A watch that is under way; dropping it ends it.
#[async_trait]
pub trait Watching: Send + Sync {
    /// Watches another part of the folder from now on.
    async fn turn_to(&self, watched: Watched) -> PortResult<()>;
}

/// Watches folders of this machine.
#[async_trait]
pub trait FolderWatcher: Send + Sync {
    /// Watches a part of a folder. `ignored` are the patterns of the project. Git's folder, our own,
    /// and what we write for a moment are never told.
    ///
    /// # Errors
    /// `folder_gone` when the folder is not there; `watch_limit` when the system watches no more.
    async fn watch(
        &self,
        folder: &Path,
        ignored: &[String],
        watched: Watched,
    ) -> PortResult<FolderWatch>;
}
