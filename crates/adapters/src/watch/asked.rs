//! What the system is asked to watch.

use super::{below::folders_below, refused, seen::Watch};
use notify::{RecursiveMode, Watcher as _};
use plimsoll_engine::ports::{PortResult, Watched};
use std::collections::BTreeSet;

/// Whether each folder has to be asked for by itself.
pub(super) const ONE_BY_ONE: bool = cfg!(any(target_os = "linux", target_os = "android"));

impl Watch {
    pub(super) fn forget(&mut self) {
        for folder in std::mem::take(&mut self.asked) {
            // The system has forgotten what is gone.
            let _ = self.watcher.unwatch(&self.root.join(folder));
        }
        self.ignores.clear();
    }

    pub(super) fn ask_again(&mut self) {
        if let Err(error) = self.ask() {
            tracing::warn!("not all of {} is watched: {error}", self.root.display());
        }
    }

    /// Asks the system for what is to be watched, and for nothing else.
    pub(super) fn ask(&mut self) -> PortResult<()> {
        if !self.root.is_dir() {
            self.look();
            return Ok(());
        }
        let wanted = if !ONE_BY_ONE {
            BTreeSet::from([String::new()])
        } else {
            match &self.watched {
                Watched::Only(folders) => folders.clone(),
                Watched::Below(below) => {
                    // Those above it, too: it may be made only later, or again.
                    let mut found: BTreeSet<String> = below
                        .match_indices('/')
                        .map(|(at, _)| below[..at].to_owned())
                        .chain([String::new()])
                        .collect();
                    folders_below(&self.root, below, &self.rules, &mut found);
                    found
                }
            }
        };
        let unwanted: Vec<String> = self.asked.difference(&wanted).cloned().collect();
        for folder in unwanted {
            self.asked.remove(&folder);
            let _ = self.watcher.unwatch(&self.root.join(folder));
        }
        for folder in wanted {
            self.ask_for(folder)?;
        }
        Ok(())
    }

    fn ask_for(&mut self, folder: String) -> PortResult<()> {
        if self.asked.contains(&folder) {
            return Ok(());
        }
        let path = self.root.join(&folder);
        // What a link leads to is no part of the folder.
        if !folder.is_empty() && !path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Ok(());
        }
        let mode = if ONE_BY_ONE {
            RecursiveMode::NonRecursive
        } else {
            RecursiveMode::Recursive
        };
        match self.watcher.watch(&path, mode) {
            Ok(()) => {
                self.asked.insert(folder);
                Ok(())
            }
            // It was removed between the listing and now.
            Err(_) if !path.exists() => Ok(()),
            Err(error) => Err(refused(&path, &error)),
        }
    }

    /// A folder came into being below what is watched.
    pub(super) fn ask_for_new(&mut self, path: &str) {
        if !self.root.join(path).is_dir() {
            self.asked.remove(path);
            return;
        }
        let mut found = BTreeSet::new();
        folders_below(&self.root, path, &self.rules, &mut found);
        for folder in found {
            if let Err(error) = self.ask_for(folder) {
                return tracing::warn!("a new folder is not watched: {error}");
            }
        }
    }
}
