//! Folders of this machine, watched by what the system offers for it.
//!
//! Linux watches folder by folder, and only so many of a user's: so only those are asked for that
//! somebody looks at, and none that is ignored. Other systems watch a whole tree at once; what
//! nobody looks at is left out afterwards.

use async_trait::async_trait;
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use plimsoll_engine::ports::{
    FolderNews, FolderWatch, FolderWatcher, PortError, PortResult, Watched, Watching,
};
use plimsoll_store::files::{Ignores, is_never_saved};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc as news, oneshot};

/// How long what happens is gathered before it is told.
const GATHER: Duration = Duration::from_millis(50);
/// How often we look whether the folder is still there: an unplugged disk says nothing.
const LOOK: Duration = Duration::from_secs(2);
/// Most paths that are told one by one.
const MOST: usize = 4_096;
/// Whether each folder has to be asked for by itself.
const ONE_BY_ONE: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Watches folders of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watcher;

#[async_trait]
impl FolderWatcher for Watcher {
    async fn watch(&self, folder: &Path, watched: Watched) -> PortResult<FolderWatch> {
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
        let watch = Watch {
            root,
            watcher,
            watched: watched.clone(),
            asked: BTreeSet::new(),
            ignores: HashMap::new(),
            pending: Pending::default(),
            is_gone: false,
            told,
        };
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

#[derive(Default)]
struct Pending {
    paths: BTreeSet<String>,
    everything: bool,
    since: Option<Instant>,
}

struct Watch {
    root: PathBuf,
    watcher: RecommendedWatcher,
    watched: Watched,
    /// What the system was asked to watch, relative.
    asked: BTreeSet<String>,
    ignores: HashMap<String, Ignores>,
    pending: Pending,
    is_gone: bool,
    told: news::Sender<FolderNews>,
}

impl Watch {
    fn run(mut self, orders: &mpsc::Receiver<Order>) {
        loop {
            let wait = self
                .pending
                .since
                .map_or(LOOK, |since| GATHER.saturating_sub(since.elapsed()));
            match orders.recv_timeout(wait) {
                Ok(Order::Event(event)) => self.see(event),
                Ok(Order::TurnTo(watched, answer)) => {
                    self.watched = watched;
                    // Whoever asked may be gone; the watch is turned all the same.
                    let _ = answer.send(self.ask());
                }
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    self.look();
                    if !self.tell() {
                        return;
                    }
                }
            }
            let due = self.pending.since.is_some_and(|at| at.elapsed() >= GATHER);
            if due && !self.tell() {
                return;
            }
        }
    }

    /// Whether the folder is there, and again there.
    fn look(&mut self) {
        let is_there = self.root.is_dir();
        if is_there && self.is_gone {
            self.is_gone = false;
            self.forget();
            if let Err(error) = self.ask() {
                tracing::warn!("a folder that is back is not watched: {error}");
            }
            self.note_everything();
        } else if !is_there && !self.is_gone {
            self.is_gone = true;
            self.forget();
            self.note_everything();
        }
    }

    fn see(&mut self, event: notify::Result<Event>) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::debug!("watching {}: {error}", self.root.display());
                return self.note_everything();
            }
        };
        if event.need_rescan() {
            return self.note_everything();
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
            return self.note_everything();
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
        self.note(path);
    }

    /// The folder was removed, moved or made anew.
    fn root_touched(&mut self) {
        let stays = self.root.is_dir();
        if stays {
            self.forget();
            self.ask_again();
            self.note_everything();
        } else {
            self.look();
        }
    }

    fn is_ignored(&mut self, folder: &str, name: &str, path: &str) -> bool {
        let is_folder = self.root.join(path).is_dir();
        let root = &self.root;
        let ignores = self
            .ignores
            .entry(folder.to_owned())
            .or_insert_with(|| Ignores::at(root, folder));
        ignores.is_ignored(name, is_folder)
    }

    fn note(&mut self, path: String) {
        self.pending.since.get_or_insert_with(Instant::now);
        self.pending.paths.insert(path);
        if self.pending.paths.len() > MOST {
            self.note_everything();
        }
    }

    fn note_everything(&mut self) {
        self.pending.since.get_or_insert_with(Instant::now);
        self.pending.everything = true;
        self.pending.paths.clear();
    }

    /// Tells what is pending; what nobody takes yet is told later. `false` when nobody listens.
    fn tell(&mut self) -> bool {
        if self.pending.since.is_none() {
            return !self.told.is_closed();
        }
        let news = if self.is_gone {
            FolderNews::Gone
        } else if self.pending.everything {
            FolderNews::Everything
        } else {
            FolderNews::Changed(self.pending.paths.clone())
        };
        match self.told.try_send(news) {
            Ok(()) => {
                self.pending = Pending::default();
                true
            }
            Err(news::error::TrySendError::Full(_)) => {
                self.pending.since = Some(Instant::now());
                true
            }
            Err(news::error::TrySendError::Closed(_)) => false,
        }
    }

    fn forget(&mut self) {
        for folder in std::mem::take(&mut self.asked) {
            // The system has forgotten what is gone.
            let _ = self.watcher.unwatch(&self.root.join(folder));
        }
        self.ignores.clear();
    }

    fn ask_again(&mut self) {
        if let Err(error) = self.ask() {
            tracing::warn!("not all of {} is watched: {error}", self.root.display());
        }
    }

    /// Asks the system for what is to be watched, and for nothing else.
    fn ask(&mut self) -> PortResult<()> {
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
                    folders_below(&self.root, below, &mut found);
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
    fn ask_for_new(&mut self, path: &str) {
        if !self.root.join(path).is_dir() {
            self.asked.remove(path);
            return;
        }
        let mut found = BTreeSet::new();
        folders_below(&self.root, path, &mut found);
        for folder in found {
            if let Err(error) = self.ask_for(folder) {
                return tracing::warn!("a new folder is not watched: {error}");
            }
        }
    }
}

/// A folder and those below it that are not ignored.
fn folders_below(root: &Path, folder: &str, found: &mut BTreeSet<String>) {
    let mut open = vec![(folder.to_owned(), Ignores::at(root, folder))];
    while let Some((folder, ignores)) = open.pop() {
        if let Ok(entries) = fs::read_dir(root.join(&folder)) {
            for entry in entries.flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|_| is_folder) else {
                    continue;
                };
                if !ignores.is_ignored(name, true) {
                    let path = if folder.is_empty() {
                        name.to_owned()
                    } else {
                        format!("{folder}/{name}")
                    };
                    open.push((path, ignores.below(name)));
                }
            }
        }
        found.insert(folder);
    }
}

fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
mod tests {
    use super::*;

    async fn next(watch: &mut FolderWatch) -> FolderNews {
        tokio::time::timeout(Duration::from_secs(20), watch.news.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Gathers news until all of these paths were told; answers all that was told.
    async fn told(watch: &mut FolderWatch, wanted: &[&str]) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        while !wanted.iter().all(|path| all.contains(*path)) {
            match next(watch).await {
                FolderNews::Changed(paths) => all.extend(paths),
                other => panic!("{other:?}"),
            }
        }
        all
    }

    fn write(root: &Path, path: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, path).unwrap();
    }

    #[tokio::test]
    async fn what_happens_below_is_told_and_what_is_ignored_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, ".git/HEAD");
        write(root, "node_modules/a/index.js");
        write(root, "src/main.rs");
        fs::write(root.join(".gitignore"), "node_modules\n*.log\n").unwrap();
        let below = Watched::Below(String::new());
        let mut watch = Watcher.watch(root, below).await.unwrap();
        write(root, "node_modules/a/index.js");
        write(root, ".git/index");
        write(root, "a.log");
        write(root, ".plimsoll-1-1.tmp");
        write(root, "src/main.rs");
        let seen = told(&mut watch, &["src/main.rs"]).await;
        assert_eq!(seen, BTreeSet::from(["src/main.rs".to_owned()]));
        fs::create_dir_all(root.join("new/deep")).unwrap();
        told(&mut watch, &["new"]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        write(root, "new/deep/file");
        told(&mut watch, &["new/deep/file"]).await;
        fs::rename(root.join("new/deep/file"), root.join("moved")).unwrap();
        told(&mut watch, &["new/deep/file", "moved"]).await;
    }

    #[tokio::test]
    async fn a_part_of_the_folder_may_be_made_after_it_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let below = Watched::Below("a/canvas".to_owned());
        let mut watch = Watcher.watch(root, below).await.unwrap();
        write(root, "other");
        fs::create_dir(root.join("a")).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        fs::create_dir(root.join("a/canvas")).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        write(root, "a/canvas/index.html");
        let seen = told(&mut watch, &["a/canvas/index.html"]).await;
        assert!(!seen.contains("other"), "{seen:?}");
    }

    #[tokio::test]
    async fn only_the_folders_that_are_looked_at_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "a/x");
        write(root, "b/x");
        let only = |names: &[&str]| Watched::Only(names.iter().map(|&name| name.into()).collect());
        let mut watch = Watcher.watch(root, only(&["", "a"])).await.unwrap();
        write(root, "b/x");
        write(root, "a/x");
        let seen = told(&mut watch, &["a/x"]).await;
        assert!(!seen.contains("b/x"), "{seen:?}");
        watch.watching.turn_to(only(&["b"])).await.unwrap();
        write(root, "a/x");
        write(root, "b/y");
        let seen = told(&mut watch, &["b/y"]).await;
        assert!(!seen.contains("a/x"), "{seen:?}");
    }

    #[tokio::test]
    async fn a_folder_that_vanishes_is_told_and_so_is_its_coming_back() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        write(&root, "a");
        let below = Watched::Below(String::new());
        let mut watch = Watcher.watch(&root, below.clone()).await.unwrap();
        let aside = folder.path().join("aside");
        fs::rename(&root, &aside).unwrap();
        while next(&mut watch).await != FolderNews::Gone {}
        fs::rename(&aside, &root).unwrap();
        while next(&mut watch).await != FolderNews::Everything {}
        write(&root, "b");
        told(&mut watch, &["b"]).await;
        let missing = Watcher.watch(&folder.path().join("none"), below).await;
        assert_eq!(missing.err().unwrap().code(), "folder_gone");
    }
}
