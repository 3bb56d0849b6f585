//! What has happened and is not told yet.

use plimsoll_engine::ports::FolderNews;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::{Sender, error::TrySendError};

/// How long what happens is gathered before it is told.
const GATHER: Duration = Duration::from_millis(50);
/// Most paths that are told one by one.
const MOST: usize = 4_096;

/// What waits to be told.
pub(super) struct Pending {
    told: Sender<FolderNews>,
    paths: BTreeSet<String>,
    everything: bool,
    since: Option<Instant>,
}

impl Pending {
    pub(super) fn new(told: Sender<FolderNews>) -> Self {
        Self {
            told,
            paths: BTreeSet::new(),
            everything: false,
            since: None,
        }
    }

    pub(super) fn note(&mut self, path: String) {
        self.since.get_or_insert_with(Instant::now);
        self.paths.insert(path);
        if self.paths.len() > MOST {
            self.note_everything();
        }
    }

    pub(super) fn note_everything(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        self.everything = true;
        self.paths.clear();
    }

    /// How long until something is to be told; `None` when nothing waits.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let since = self.since?;
        Some(GATHER.saturating_sub(since.elapsed()))
    }

    /// Tells what waits; what nobody takes yet is told later. `false` when nobody listens.
    pub(super) fn tell(&mut self, is_gone: bool) -> bool {
        if self.since.is_none() {
            return !self.told.is_closed();
        }
        let news = if is_gone {
            FolderNews::Gone
        } else if self.everything {
            FolderNews::Everything
        } else {
            FolderNews::Changed(self.paths.clone())
        };
        match self.told.try_send(news) {
            Ok(()) => {
                self.paths.clear();
                self.everything = false;
                self.since = None;
                true
            }
            Err(TrySendError::Full(_)) => {
                self.since = Some(Instant::now());
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}
