//! Saving a workspace: walk, read what was touched, keep what is new.

use super::{
    Files, Found, Guard, Listed, Rules, Visit,
    keeping::{Broken, Keeping, Kept},
    seen::{SeenFolder, Stat},
    trees::{self, Named},
    walk,
};
use crate::{Result, StoreError};
use plimsoll_domain::{
    Timestamp,
    content::{ContentHash, Entry, Node},
};
use std::{
    collections::HashMap,
    fs::{self, File, Metadata},
    io::{self, BufReader},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::runtime::Handle;

/// How often a file that changes while it is read is read again.
const ATTEMPTS: u32 = 3;
/// Most files that a refusal or a hint names.
pub(super) const NAMED: usize = 20;

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
    /// What a computer with Windows could not keep, each with the reason, of folders that changed.
    pub refused_by_windows: Vec<String>,
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
        let rules = Rules::all(workspace, ignored)?;
        let guard = self.beside_others().await?;
        let workspace = workspace.to_owned();
        let (files, progress) = (self.clone(), Arc::clone(progress));
        let runtime = Handle::current();
        super::blocking(move || {
            let there = Stat::of(&place(&workspace)?).inode;
            let key = workspace.to_string_lossy().into_owned();
            let seen = runtime.block_on(files.index.folders(&key))?;
            let keeping = Keeping::new(&files, runtime, now, seen.is_empty())?;
            let seen = match keeping.misses_any() {
                true => HashMap::new(),
                false => seen,
            };
            let save = Save {
                keeping,
                place: there,
                workspace,
                rules,
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
    /// Which folder that is.
    place: u64,
    rules: Rules,
    /// What was last seen of each folder, as it lies in the cache.
    seen: HashMap<String, Vec<u8>>,
    keeping: Keeping,
    progress: Arc<Progress>,
    refused: Mutex<Refused>,
    /// The files and links of each folder.
    found: Mutex<HashMap<String, Named>>,
}

#[derive(Default)]
struct Refused {
    files: Vec<String>,
    broken: Option<StoreError>,
}

impl Save {
    fn run(self, files: &Files, key: String, now: Timestamp, guard: Guard) -> Result<Saved> {
        let began = now.as_millis().saturating_mul(1_000_000);
        walk(&self.workspace, &self.rules, &self);
        if self.progress.cancelled.load(Ordering::Relaxed) {
            return Err(StoreError::Cancelled);
        }
        // A disk that was unplugged takes its files along one by one, and leaves an empty folder.
        if Stat::of(&place(&self.workspace)?).inode != self.place {
            return Err(self.gone());
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
        let trees = trees::put_together(&self.keeping, &self.seen, found, began, key)?;
        let grew = self.keeping.finish(Some(&trees.seen))?;
        tracing::debug!(packs = %files.packs.display(), grew, "files were saved");
        Ok(Saved {
            root: trees.root,
            files: trees.files,
            bytes: trees.bytes,
            added_bytes: grew,
            refused_by_windows: trees.refused_by_windows,
            guard,
        })
    }

    fn gone(&self) -> StoreError {
        StoreError::WorkspaceGone {
            path: self.workspace.clone(),
        }
    }

    /// What was last seen of a folder.
    fn recall(&self, folder: &str) -> Option<SeenFolder> {
        SeenFolder::read(self.seen.get(folder)?)
    }

    fn refuse(&self, path: &Path, why: &str) {
        let shown = path.strip_prefix(&self.workspace).unwrap_or(path);
        let mut refused = lock(&self.refused);
        if refused.files.len() < NAMED {
            refused.files.push(format!("{}: {why}", shown.display()));
        }
    }

    /// One entry of the walk as a node; folders come by themselves.
    fn look(&self, found: &Found, seen: Option<&SeenFolder>) -> Option<(Node, Stat)> {
        let entry = &found.entry;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // It was deleted between the listing and now: then it is no part of this state.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.refuse(&entry.path(), &error.to_string());
                return None;
            }
        };
        let kind = metadata.file_type();
        if kind.is_symlink() {
            return match fs::read_link(entry.path())
                .map(|target| target.into_os_string().into_string())
            {
                Ok(Ok(target)) => Some((Node::Link { target }, Stat::default())),
                Ok(Err(_)) => {
                    self.refuse(&entry.path(), "it points to a name that is no Unicode");
                    None
                }
                Err(error) => {
                    self.refuse(&entry.path(), &error.to_string());
                    None
                }
            };
        }
        if !kind.is_file() {
            // What became a folder meanwhile is of the next state; sockets, pipes and devices hold
            // no bytes of the project.
            return None;
        }
        self.progress.files.fetch_add(1, Ordering::Relaxed);
        let stat = Stat::of(&metadata);
        let same = seen.and_then(|seen| seen.same(&found.name, stat, metadata.len()));
        if let Some(same) = same {
            return Some((with_mode(same.node.clone(), &metadata), stat));
        }
        self.read(&entry.path(), &metadata)
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
}

impl Visit for Save {
    fn folder(&self, path: &str, listed: io::Result<Listed>) -> ControlFlow<()> {
        if self.progress.cancelled.load(Ordering::Relaxed) || lock(&self.refused).broken.is_some() {
            return ControlFlow::Break(());
        }
        let listed = match listed {
            Ok(listed) => listed,
            // It was deleted between the listing of the one above and now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return ControlFlow::Continue(());
            }
            Err(error) => {
                self.refuse(&self.workspace.join(path), &error.to_string());
                return ControlFlow::Continue(());
            }
        };
        for unnamed in &listed.unnamed {
            self.refuse(unnamed, "its name is no Unicode");
        }
        let seen = self.recall(path);
        let mut named = Named::with_capacity(listed.entries.len());
        for found in listed.entries {
            if found.kind.is_dir() {
                continue;
            }
            if let Some((node, stat)) = self.look(&found, seen.as_ref()) {
                let name = found.name;
                named.push((Entry { name, node }, stat));
            }
        }
        lock(&self.found).insert(path.to_owned(), named);
        ControlFlow::Continue(())
    }
}

/// What the disk says about the workspace's own folder.
fn place(workspace: &Path) -> Result<Metadata> {
    match workspace.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(metadata),
        Ok(_) | Err(_) => Err(StoreError::WorkspaceGone {
            path: workspace.to_owned(),
        }),
    }
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
