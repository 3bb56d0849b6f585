//! A walk over what belongs to a version of a workspace: folder by folder, on all processors.
//!
//! Its own, because the speed of a save hangs on it: an entry is looked at from within its open
//! folder, what was seen of a folder is recalled once, and nobody asks the disk for ignore files that
//! the listing does not have. What is left out is decided by [`Ignores`], as for the tree.

use super::{Ignores, Rules};
use rayon::{Scope, ThreadPoolBuilder};
use std::{
    fs::{self, DirEntry, FileType},
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread::available_parallelism,
};

/// An entry of a folder.
pub(crate) struct Found {
    /// Its name.
    pub(crate) name: String,
    /// What it is, a link not followed.
    pub(crate) kind: FileType,
    /// The entry, through which it is looked at most quickly.
    pub(crate) entry: DirEntry,
}

/// What is in a folder and not left out.
#[derive(Default)]
pub(crate) struct Listed {
    /// In no order.
    pub(crate) entries: Vec<Found>,
    /// What has no Unicode name.
    pub(crate) unnamed: Vec<PathBuf>,
}

/// Called for each folder, by several threads at once and in no order: its path in the workspace,
/// with slashes and empty for the workspace itself, and what is in it.
pub(crate) trait Visit: Sync {
    /// Takes a folder; answers whether the walk goes on.
    fn folder(&self, path: &str, listed: io::Result<Listed>) -> ControlFlow<()>;
}

/// Most threads of a walk.
const MOST_THREADS: usize = 8;

/// Visits every folder of a workspace.
pub(crate) fn walk(workspace: &Path, rules: &Rules, visit: &impl Visit) {
    let walk = Walk {
        workspace,
        visit,
        is_over: AtomicBool::new(false),
    };
    let inside = Inside::Workspace(Ignores::of(workspace, rules));
    let threads = available_parallelism().map_or(2, usize::from);
    // Threads of its own: whoever listens to a search may let it wait, and a save must not wait then.
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads.min(MOST_THREADS))
        .build();
    match pool {
        Ok(pool) => pool.scope(|scope| walk.enter(scope, "", inside)),
        // The system has no more threads at the moment: those that everybody shares do it, too.
        Err(_) => rayon::scope(|scope| walk.enter(scope, "", inside)),
    }
}

/// What is known of what counts in a folder before it is listed.
enum Inside {
    /// All of it.
    Workspace(Ignores),
    /// What counts in the folder above it, and its name there.
    Folder(Ignores, String),
}

struct Walk<'a, V> {
    workspace: &'a Path,
    visit: &'a V,
    is_over: AtomicBool,
}

impl<V: Visit> Walk<'_, V> {
    fn enter<'scope>(&'scope self, scope: &Scope<'scope>, path: &str, inside: Inside) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        let listed = list(&self.workspace.join(path)).map(|(mut entries, unnamed)| {
            let ignores = inside.ignores(&entries);
            entries.retain(|found| !ignores.is_ignored(&found.name, found.kind.is_dir()));
            let unnamed = unnamed.into_iter().filter(|entry| {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                !ignores.is_ignored(entry.file_name(), is_folder)
            });
            for found in entries.iter().filter(|found| found.kind.is_dir()) {
                let slash = if path.is_empty() { "" } else { "/" };
                let below = format!("{path}{slash}{}", found.name);
                let inside = Inside::Folder(ignores.clone(), found.name.clone());
                scope.spawn(move |scope| self.enter(scope, &below, inside));
            }
            Listed {
                unnamed: unnamed.map(|entry| entry.path()).collect(),
                entries,
            }
        });
        if self.visit.folder(path, listed).is_break() {
            self.is_over.store(true, Ordering::Relaxed);
        }
    }
}

impl Inside {
    fn ignores(self, listed: &[Found]) -> Ignores {
        let is_listed = |file: &str| listed.iter().any(|found| found.name == file);
        match self {
            Self::Workspace(ignores) => ignores,
            Self::Folder(above, name) => above.below_listed(&name, is_listed),
        }
    }
}

/// What is in a folder, and what of it has no Unicode name.
fn list(folder: &Path) -> io::Result<(Vec<Found>, Vec<DirEntry>)> {
    let (mut named, mut unnamed) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_name().into_string() {
            Ok(name) => named.push(Found {
                name,
                // Deleted meanwhile, where the system has to be asked again.
                kind: match entry.file_type() {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    kind => kind?,
                },
                entry,
            }),
            Err(_) => unnamed.push(entry),
        }
    }
    Ok((named, unnamed))
}
