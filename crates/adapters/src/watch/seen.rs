//! What is seen of a folder, and what of it is told.

use super::{Order, asked::ONE_BY_ONE, below::is_within, pending::Pending};
use notify::{
    Event, EventKind, RecommendedWatcher,
    event::{AccessKind, AccessMode},
};
use plimsoll_engine::ports::{FolderNews, Watched};
use plimsoll_store::files::{Ignores, Rules, is_never_saved};
use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};
use tokio::sync::mpsc::Sender;

/// How often we look whether the folder is still there: an unplugged disk says nothing.
const LOOK: Duration = Duration::from_secs(2);

/// A watch that is under way, on a thread of its own.
pub(super) struct Watch {
    pub(super) root: PathBuf,
    pub(super) rules: Rules,
    pub(super) watcher: RecommendedWatcher,
    pub(super) watched: Watched,
    /// What the system was asked to watch, relative.
    pub(super) asked: BTreeSet<String>,
    pub(super) ignores: HashMap<String, Ignores>,
    pending: Pending,
    is_gone: bool,
}

impl Watch {
    pub(super) fn new(
        root: PathBuf,
        rules: Rules,
        watcher: RecommendedWatcher,
        watched: Watched,
        told: Sender<FolderNews>,
    ) -> Self {
        Self {
            root,
            rules,
            watcher,
            watched,
            asked: BTreeSet::new(),
            ignores: HashMap::new(),
            pending: Pending::new(told),
            is_gone: false,
        }
    }

    /// Goes on until it is told to end, or nobody listens.
    pub(super) fn run(mut self, orders: &mpsc::Receiver<Order>) {
        loop {
            match orders.recv_timeout(self.pending.due_in().unwrap_or(LOOK)) {
                Ok(Order::Event(event)) => self.see(event),
                Ok(Order::TurnTo(watched, answer)) => {
                    self.watched = watched;
                    // Whoever asked may be gone; the watch is turned all the same.
                    let _ = answer.send(self.ask());
                }
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    self.look();
                    if !self.pending.tell(self.is_gone) {
                        return;
                    }
                }
            }
            let is_due = self.pending.due_in().is_some_and(|wait| wait.is_zero());
            if is_due && !self.pending.tell(self.is_gone) {
                return;
            }
        }
    }

    /// Whether the folder is there, and again there.
    pub(super) fn look(&mut self) {
        let is_there = self.root.is_dir();
        if is_there && self.is_gone {
            self.is_gone = false;
            self.forget();
            if let Err(error) = self.ask() {
                tracing::warn!("a folder that is back is not watched: {error}");
            }
            self.pending.note_everything();
        } else if !is_there && !self.is_gone {
            self.is_gone = true;
            self.forget();
            self.pending.note_everything();
        }
    }

    fn see(&mut self, event: notify::Result<Event>) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::debug!("watching {}: {error}", self.root.display());
                return self.pending.note_everything();
            }
        };
        if event.need_rescan() {
            return self.pending.note_everything();
        }
        // Reading changes nothing.
        let written = AccessKind::Close(AccessMode::Write);
        if matches!(event.kind, EventKind::Access(kind) if kind != written) {
            return;
        }
        for path in &event.paths {
            self.touched(path);
        }
    }

    fn touched(&mut self, path: &Path) {
        let Ok(inner) = path.strip_prefix(&self.root) else {
            return;
        };
        let parts = inner.components();
        let parts: Option<Vec<&str>> = parts.map(|part| part.as_os_str().to_str()).collect();
        let Some(parts) = parts else {
            // A name that is no Unicode cannot be told; whoever looks at its folder sees it.
            return self.pending.note_everything();
        };
        let Some((name, above)) = parts.split_last() else {
            return self.root_touched();
        };
        if parts.iter().any(|name| is_never_saved(name)) {
            return;
        }
        let folder = above.join("/");
        let wanted = match &self.watched {
            Watched::Only(folders) => folders.contains(&folder),
            Watched::Below(below) => {
                let path = parts.join("/");
                is_within(&path, below) && !self.is_ignored(&folder, name, path.as_str())
            }
        };
        if !wanted {
            let path = parts.join("/");
            if matches!(&self.watched, Watched::Below(below) if is_within(below, &path)) {
                self.ask_again();
            }
            return;
        }
        if matches!(*name, ".gitignore" | ".plimsollignore" | ".ignore") {
            self.ignores.clear();
            self.ask_again();
        }
        let path = parts.join("/");
        if ONE_BY_ONE && matches!(self.watched, Watched::Below(_)) && !self.asked.contains(&path) {
            self.ask_for_new(&path);
        }
        self.pending.note(path);
    }

    /// The folder was removed, moved or made anew.
    fn root_touched(&mut self) {
        let stays = self.root.is_dir();
        if stays {
            self.forget();
            self.ask_again();
            self.pending.note_everything();
        } else {
            self.look();
        }
    }

    fn is_ignored(&mut self, folder: &str, name: &str, path: &str) -> bool {
        let is_folder = self.root.join(path).is_dir();
        let (root, rules) = (&self.root, &self.rules);
        let ignores = self
            .ignores
            .entry(folder.to_owned())
            .or_insert_with(|| Ignores::at(root, folder, rules));
        ignores.is_ignored(name, is_folder)
    }
}
