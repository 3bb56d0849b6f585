//! Saving a workspace: walk, read what was touched, keep what is new.

use super::{
    Files, Guard, IGNORE_FILE,
    ignores::is_never_saved,
    index::Seen,
    keeping::{Broken, Keeping, Kept},
    seen::{SeenFolder, Stat},
};
use crate::{Result, StoreError};
use ignore::{DirEntry, WalkBuilder, WalkState, gitignore::Gitignore};
use plimsoll_domain::{
    Timestamp,
    content::{self, ContentHash, Entry, Node},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{self, File, Metadata},
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::runtime::Handle;

/// How often a file that changes while it is read is read again.
const ATTEMPTS: u32 = 3;
/// Most files that a refusal names.
const NAMED: usize = 20;

/// How far a save has come, and whether it should stop. Shared with whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    /// Files seen so far.
    pub files: AtomicU64,
    /// Bytes read so far; untouched files are not read.
    pub bytes_read: AtomicU64,
    /// Set it to stop.
    pub cancelled: AtomicBool,
}

/// A saved state.
#[derive(Debug)]
pub struct Saved {
    /// The tree of the workspace.
    pub root: ContentHash,
    /// Files in it.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes by which the store grew.
    pub added_bytes: u64,
    /// Keeps a pruning away until the version is recorded.
    pub guard: Guard,
}

impl Files {
    /// Saves the files of a workspace as they are. What `.gitignore` and `.plimsollignore` name is
    /// left out, as is what the patterns `ignored` match, `.git` and our own folder.
    ///
    /// # Errors
    /// [`StoreError::WorkspaceGone`] when the folder is not there; [`StoreError::Unsaved`] with
    /// the files that cannot be read, have no Unicode name or change all the time. Nothing is
    /// saved then.
    pub async fn save(
        &self,
        workspace: &Path,
        ignored: &[String],
        now: Timestamp,
        progress: &Arc<Progress>,
    ) -> Result<Saved> {
        let ignored = super::ignored::rules(workspace, ignored)?;
        let guard = self.beside_others().await?;
        let workspace = workspace.to_owned();
        let (files, progress) = (self.clone(), Arc::clone(progress));
        let runtime = Handle::current();
        super::blocking(move || {
            if !workspace.is_dir() {
                return Err(StoreError::WorkspaceGone { path: workspace });
            }
            let key = workspace.to_string_lossy().into_owned();
            let seen = runtime.block_on(files.index.folders(&key))?;
            let seen: HashMap<String, SeenFolder> = seen
                .into_iter()
                .filter_map(|(path, body)| Some((path, SeenFolder::read(&body)?)))
                .collect();
            let save = Save {
                keeping: Keeping::new(&files, runtime, now, seen.is_empty())?,
                workspace,
                ignored,
                seen,
                progress,
                refused: Mutex::default(),
                found: Mutex::default(),
            };
            save.run(&files, key, now, guard)
        })
        .await
    }
}

struct Save {
    workspace: PathBuf,
    ignored: Gitignore,
    seen: HashMap<String, SeenFolder>,
    keeping: Keeping,
    progress: Arc<Progress>,
    refused: Mutex<Refused>,
    found: Mutex<Vec<Found>>,
}

#[derive(Default)]
struct Refused {
    files: Vec<String>,
    broken: Option<StoreError>,
}

struct Found {
    /// Relative, with slashes.
    path: String,
    node: Node,
    stat: Stat,
}

impl Save {
    fn run(self, files: &Files, key: String, now: Timestamp, guard: Guard) -> Result<Saved> {
        let began = now.as_millis().saturating_mul(1_000_000);
        self.walk();
        if self.progress.cancelled.load(Ordering::Relaxed) {
            return Err(StoreError::Cancelled);
        }
        let refused = std::mem::take(&mut *lock(&self.refused));
        if let Some(error) = refused.broken {
            return Err(error);
        }
        if !refused.files.is_empty() {
            return Err(StoreError::Unsaved {
                files: refused.files,
            });
        }
        let found = std::mem::take(&mut *lock(&self.found));
        let trees = self.trees(found, began, &key)?;
        let grew = self.keeping.finish(Some(&trees.seen))?;
        tracing::debug!(packs = %files.packs.display(), grew, "files were saved");
        Ok(Saved {
            root: trees.root,
            files: trees.files,
            bytes: trees.bytes,
            added_bytes: grew,
            guard,
        })
    }

    fn walk(&self) {
        let walker = walker(&self.workspace, self.ignored.clone()).build_parallel();
        walker.run(|| {
            let mut gathered = Gathered {
                save: self,
                found: Vec::new(),
            };
            Box::new(move |entry| gathered.visit(entry))
        });
    }

    fn refuse(&self, path: &Path, why: &str) {
        let shown = path.strip_prefix(&self.workspace).unwrap_or(path);
        let mut refused = lock(&self.refused);
        if refused.files.len() < NAMED {
            refused.files.push(format!("{}: {why}", shown.display()));
        }
    }

    /// One entry of the walk as a node.
    fn look(&self, entry: &DirEntry, path: &str) -> Option<(Node, Stat)> {
        let metadata = match entry.path().symlink_metadata() {
            Ok(metadata) => metadata,
            // It was deleted between the listing and now: then it is no part of this state.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.refuse(entry.path(), &error.to_string());
                return None;
            }
        };
        let kind = metadata.file_type();
        if kind.is_dir() {
            let tree = ContentHash::from_bytes([0; 32]);
            return Some((
                Node::Folder {
                    tree,
                    files: 0,
                    bytes: 0,
                },
                Stat::default(),
            ));
        }
        if kind.is_symlink() {
            return match fs::read_link(entry.path())
                .map(|target| target.into_os_string().into_string())
            {
                Ok(Ok(target)) => Some((Node::Link { target }, Stat::default())),
                Ok(Err(_)) => {
                    self.refuse(entry.path(), "it points to a name that is no Unicode");
                    None
                }
                Err(error) => {
                    self.refuse(entry.path(), &error.to_string());
                    None
                }
            };
        }
        if !kind.is_file() {
            // Sockets, pipes and devices hold no bytes of the project.
            return None;
        }
        self.progress.files.fetch_add(1, Ordering::Relaxed);
        let stat = Stat::of(&metadata);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let seen = self.seen.get(folder);
        if let Some(same) = seen.and_then(|seen| seen.same(name, stat, metadata.len())) {
            return Some((with_mode(same.node.clone(), &metadata), stat));
        }
        self.read(entry.path(), &metadata)
    }

    /// Reads a file that was touched; again when it changes meanwhile.
    fn read(&self, path: &Path, metadata: &Metadata) -> Option<(Node, Stat)> {
        let mut before = Stat::of(metadata);
        for _ in 0..ATTEMPTS {
            let kept = match File::open(path).map_err(Broken::Read) {
                Ok(file) => self
                    .keeping
                    .keep_stream(BufReader::with_capacity(1 << 16, file)),
                Err(error) => Err(error),
            };
            let (kept, size) = match kept {
                Ok(kept) => kept,
                Err(Broken::Read(error)) => {
                    self.refuse(path, &error.to_string());
                    return None;
                }
                Err(Broken::Keep(error)) => {
                    lock(&self.refused).broken.get_or_insert(error);
                    return None;
                }
            };
            self.progress.bytes_read.fetch_add(size, Ordering::Relaxed);
            match path.symlink_metadata() {
                Ok(now) if Stat::of(&now) == before && now.len() == size => {
                    let Kept { hash, chunks } = kept;
                    let node = Node::File {
                        size,
                        hash,
                        chunks,
                        executable: false,
                    };
                    return Some((with_mode(node, &now), before));
                }
                Ok(now) => before = Stat::of(&now),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(error) => {
                    self.refuse(path, &error.to_string());
                    return None;
                }
            }
        }
        self.refuse(path, "it changes all the time while it is read");
        None
    }

    /// Folders from the deepest up to the root.
    fn trees(&self, found: Vec<Found>, began: i64, key: &str) -> Result<Trees> {
        let mut folders: BTreeMap<(std::cmp::Reverse<usize>, String), Vec<(Entry, Stat)>> =
            BTreeMap::new();
        let depth = |path: &str| match path {
            "" => 0,
            path => 1 + path.matches('/').count(),
        };
        let place = |path: &str| (std::cmp::Reverse(depth(path)), path.to_owned());
        folders.insert(place(""), Vec::new());
        for Found { path, node, stat } in found {
            if matches!(node, Node::Folder { .. }) {
                folders.entry(place(&path)).or_default();
                continue;
            }
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let entry = Entry {
                name: name.to_owned(),
                node,
            };
            folders
                .entry(place(folder))
                .or_default()
                .push((entry, stat));
        }
        let mut seen = Seen {
            workspace: key.to_owned(),
            folders: Vec::new(),
            gone: Vec::new(),
        };
        let here: HashSet<String> = folders.keys().map(|(_, path)| path.clone()).collect();
        seen.gone = self
            .seen
            .keys()
            .filter(|path| !here.contains(*path))
            .cloned()
            .collect();
        loop {
            let Some(((_, path), mut named)) = folders.pop_first() else {
                return Err(StoreError::WorkspaceGone {
                    path: self.workspace.clone(),
                });
            };
            named.sort_by(|a, b| a.0.name.as_bytes().cmp(b.0.name.as_bytes()));
            let (mut entries, stats): (Vec<Entry>, Vec<Stat>) = named.into_iter().unzip();
            let bytes = content::encode(&mut entries);
            let before = self.seen.get(&path);
            let tree = match before {
                Some(before) if before.tree == bytes => ContentHash::of(&bytes),
                _ => self.keeping.keep(&bytes)?,
            };
            let body = SeenFolder::write(&bytes, &stats, began);
            if before.is_none_or(|before| before.body != body) {
                seen.folders.push((path.clone(), body));
            }
            let (files, size) = totals(&entries);
            if path.is_empty() {
                return Ok(Trees {
                    root: tree,
                    files,
                    bytes: size,
                    seen,
                });
            }
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let node = Node::Folder {
                tree,
                files,
                bytes: size,
            };
            let entry = Entry {
                name: name.to_owned(),
                node,
            };
            folders
                .entry(place(parent))
                .or_default()
                .push((entry, Stat::default()));
        }
    }
}

struct Trees {
    root: ContentHash,
    files: u64,
    bytes: u64,
    seen: Seen,
}

/// What one thread of the walk found; handed over when the thread is done.
struct Gathered<'a> {
    save: &'a Save,
    found: Vec<Found>,
}

impl Gathered<'_> {
    fn visit(&mut self, entry: std::result::Result<DirEntry, ignore::Error>) -> WalkState {
        let save = self.save;
        if save.progress.cancelled.load(Ordering::Relaxed) || lock(&save.refused).broken.is_some() {
            return WalkState::Quit;
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                save.refuse(Path::new(""), &error.to_string());
                return WalkState::Continue;
            }
        };
        if entry.depth() == 0 {
            return WalkState::Continue;
        }
        let Some(path) = relative(&save.workspace, entry.path()) else {
            save.refuse(entry.path(), "its name is no Unicode");
            return WalkState::Continue;
        };
        if let Some((node, stat)) = save.look(&entry, &path) {
            self.found.push(Found { path, node, stat });
        }
        WalkState::Continue
    }
}

impl Drop for Gathered<'_> {
    fn drop(&mut self) {
        lock(&self.save.found).append(&mut self.found);
    }
}

/// A walk over what belongs to a version of a workspace.
pub(super) fn walker(workspace: &Path, ignored: Gitignore) -> WalkBuilder {
    let mut walker = WalkBuilder::new(workspace);
    walker
        .hidden(false)
        .parents(false)
        .require_git(false)
        .git_global(false)
        .follow_links(false)
        .threads(
            std::thread::available_parallelism()
                .map_or(2, usize::from)
                .min(8),
        )
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(move |entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            let never = entry.file_name().to_str().is_some_and(is_never_saved);
            entry.depth() == 0 || !(never || ignored.matched(entry.path(), is_folder).is_ignore())
        });
    walker
}

fn relative(workspace: &Path, path: &Path) -> Option<String> {
    let parts = path.strip_prefix(workspace).ok()?.components();
    let parts: Option<Vec<&str>> = parts.map(|part| part.as_os_str().to_str()).collect();
    Some(parts?.join("/"))
}

pub(super) fn totals(entries: &[Entry]) -> (u64, u64) {
    entries
        .iter()
        .fold((0, 0), |(files, bytes), entry| match &entry.node {
            Node::File { size, .. } => (files + 1, bytes + size),
            Node::Link { .. } => (files, bytes),
            Node::Folder {
                files: below,
                bytes: size,
                ..
            } => (files + below, bytes + size),
        })
}

fn with_mode(node: Node, metadata: &Metadata) -> Node {
    #[cfg(unix)]
    let executable = {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o100 != 0
    };
    #[cfg(not(unix))]
    let executable = {
        let _ = metadata;
        // Windows keeps no such bit: what the version before said stays.
        matches!(
            node,
            Node::File {
                executable: true,
                ..
            }
        )
    };
    match node {
        Node::File {
            size, hash, chunks, ..
        } => Node::File {
            size,
            hash,
            chunks,
            executable,
        },
        other => other,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
