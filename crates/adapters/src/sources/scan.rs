//! From a folder to the entries of its context.

use super::{
    ignore::{DEFAULT, Ignore},
    problem,
    stat_cache::{self, StatCache, Traces},
};
use plimsoll_engine::ports::{Context, PortError, PortResult};
use plimsoll_protocol::{ContextFile, ContextFileKind, manifest_hash};
use std::{
    fs::{self, File, Metadata},
    io,
    path::{Component, Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

/// Most entries of a context: what an agent takes in one request.
const MOST_ENTRIES: usize = 100_000;
/// Largest `.dockerignore` that is read, bytes.
const LARGEST_IGNORE: u64 = 1024 * 1024;

/// An entry before its content was looked at.
struct Found {
    path: String,
    executable: bool,
    what: What,
}

enum What {
    File { traces: Traces, size: u64 },
    Link { target: String },
    Folder,
}

/// Walks a folder and hashes what has changed since the cache was written.
pub(crate) fn scan(folder: &Path, cache: &Path) -> PortResult<Context> {
    let root = fs::canonicalize(folder).map_err(|error| no_folder(folder, &error))?;
    if !root.is_dir() {
        return Err(no_folder(folder, &io::ErrorKind::NotADirectory.into()));
    }
    let read_at = SystemTime::now();
    let mut walk = Walk {
        ignore: read_ignore(&root)?,
        root: &root,
        found: Vec::new(),
    };
    walk.enter(&root, "", false)?;
    let mut found = walk.found;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let known = StatCache::load(cache);
    let hashes = hash_all(&root, &found, &known)?;
    remember(cache, &known, &found, &hashes, read_at)?;
    let mut total_bytes = 0;
    let files: Vec<ContextFile> = found
        .into_iter()
        .zip(hashes)
        .map(|(found, hash)| ContextFile {
            path: found.path,
            executable: found.executable,
            kind: match found.what {
                What::Link { target } => ContextFileKind::Link { target },
                What::Folder => ContextFileKind::Folder,
                What::File { size, .. } => {
                    total_bytes += size;
                    ContextFileKind::File { hash, size }
                }
            },
        })
        .collect();
    Ok(Context {
        folder: root,
        manifest: manifest_hash(&files),
        files,
        total_bytes,
    })
}

fn no_folder(folder: &Path, error: &io::Error) -> PortError {
    PortError::new(
        "source_missing",
        format!("there is no folder {}: {error}", folder.display()),
    )
    .next_step("Check the path of the service's source.")
}

/// The rules of the folder: its `.dockerignore`, or what is sensible without one.
fn read_ignore(root: &Path) -> PortResult<Ignore> {
    let path = root.join(".dockerignore");
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ignore::parse(DEFAULT),
        Err(error) => return Err(problem::unreadable(&path, &error)),
        Ok(metadata) if metadata.len() > LARGEST_IGNORE => {
            return Err(PortError::new(
                "dockerignore_invalid",
                "the .dockerignore is larger than 1 MiB",
            )
            .next_step("Use patterns instead of listing every file."));
        }
        Ok(_) => {}
    }
    let bytes = fs::read(&path).map_err(|error| problem::unreadable(&path, &error))?;
    Ignore::parse(&String::from_utf8_lossy(&bytes))
}

/// What a build needs even where `.dockerignore` lists it: Docker sends these too, and leaves them
/// out of what is copied itself.
fn is_always_sent(path: &str) -> bool {
    matches!(path, "Dockerfile" | ".dockerignore")
}

struct Walk<'a> {
    ignore: Ignore,
    root: &'a Path,
    found: Vec<Found>,
}

impl Walk<'_> {
    /// Walks one folder. An empty one, or one of which nothing is left, becomes an entry itself.
    fn enter(&mut self, folder: &Path, path: &str, is_ignored: bool) -> PortResult<()> {
        let before = self.found.len();
        let entries = fs::read_dir(folder).map_err(|error| problem::unreadable(folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| problem::unreadable(folder, &error))?;
            let full = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                if is_ignored {
                    continue;
                }
                return Err(problem::not_utf8(&full));
            };
            let inner = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}/{name}")
            };
            let kind = entry
                .file_type()
                .map_err(|error| problem::unreadable(&full, &error))?;
            let is_ignored = self.ignore.is_ignored(&inner) && !is_always_sent(&inner);
            if kind.is_dir() {
                if !is_ignored || self.ignore.may_take_back_below(&inner) {
                    self.enter(&full, &inner, is_ignored)?;
                }
            } else if !is_ignored {
                self.take(&full, inner)?;
            }
        }
        if self.found.len() == before && !is_ignored && !path.is_empty() {
            self.add(path.to_owned(), false, What::Folder)?;
        }
        Ok(())
    }

    fn take(&mut self, full: &Path, path: String) -> PortResult<()> {
        let metadata =
            fs::symlink_metadata(full).map_err(|error| problem::unreadable(full, &error))?;
        if metadata.is_symlink() {
            let target = self.link(full)?;
            self.add(path, false, What::Link { target })
        } else if metadata.is_file() {
            let what = What::File {
                traces: Traces::of(&metadata),
                size: metadata.len(),
            };
            self.add(path, is_executable(&metadata), what)
        } else {
            Err(problem::special(full))
        }
    }

    /// The target of a link, which must stay inside, both as written and as it resolves.
    fn link(&self, full: &Path) -> PortResult<String> {
        let target = fs::read_link(full).map_err(|error| problem::unreadable(full, &error))?;
        let parent = full.parent().unwrap_or(self.root);
        let depth = parent
            .strip_prefix(self.root)
            .map_or(0, |inner| inner.components().count());
        let resolves_inside = match fs::canonicalize(full) {
            Ok(resolved) => resolved.starts_with(self.root),
            // A link to nothing is as good as its words.
            Err(_) => true,
        };
        if !stays_inside(&target, depth) || !resolves_inside {
            return Err(problem::leads_out(full, &target));
        }
        match target.to_str() {
            Some(text) => Ok(text.replace(std::path::MAIN_SEPARATOR, "/")),
            None => Err(problem::not_utf8(full)),
        }
    }

    fn add(&mut self, path: String, executable: bool, what: What) -> PortResult<()> {
        if self.found.len() == MOST_ENTRIES {
            return Err(PortError::new(
                "source_too_large",
                format!(
                    "{} holds more than {MOST_ENTRIES} files to build from",
                    self.root.display()
                ),
            )
            .next_step("List what the build does not need in .dockerignore."));
        }
        self.found.push(Found {
            path,
            executable,
            what,
        });
        Ok(())
    }
}

/// Whether a relative path, starting so many folders deep, never climbs above the top.
pub(crate) fn stays_inside(target: &Path, depth: usize) -> bool {
    let mut depth = Some(depth);
    for component in target.components() {
        depth = match component {
            Component::Normal(_) => depth.map(|depth| depth + 1),
            Component::CurDir => depth,
            Component::ParentDir => depth.and_then(|depth| depth.checked_sub(1)),
            Component::RootDir | Component::Prefix(_) => None,
        };
        if depth.is_none() {
            return false;
        }
    }
    true
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

/// Windows keeps no such bit, and Docker there marks every file executable.
#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    true
}

/// Hashes, in the order of the entries; empty for what is no file.
fn hash_all(root: &Path, found: &[Found], known: &StatCache) -> PortResult<Vec<String>> {
    let mut hashes = vec![String::new(); found.len()];
    let mut unknown = Vec::new();
    for (index, entry) in found.iter().enumerate() {
        if let What::File { traces, .. } = &entry.what {
            match known.hash(&entry.path, traces) {
                Some(hash) => hashes[index] = hash.to_owned(),
                None => unknown.push(index),
            }
        }
    }
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, PortResult<String>)>> = Mutex::default();
    let work = || {
        while let Some(index) = unknown.get(next.fetch_add(1, Ordering::Relaxed)) {
            let entry = &found[*index];
            let hash = hash_one(&root.join(native(&entry.path)), &entry.what);
            let failed = hash.is_err();
            results
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((*index, hash));
            if failed {
                next.store(unknown.len(), Ordering::Relaxed);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    // A thread costs more than a few files do.
    let workers = workers.min(unknown.len().div_ceil(32)).max(1);
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    for (index, hash) in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
        hashes[index] = hash?;
    }
    Ok(hashes)
}

/// Hashes a file, and sees that it did not change meanwhile.
fn hash_one(path: &Path, what: &What) -> PortResult<String> {
    let What::File { traces, .. } = what else {
        return Ok(String::new());
    };
    let failed = |error: io::Error| problem::unreadable(path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&mut file).map_err(failed)?;
    let after = fs::symlink_metadata(path).map_err(failed)?;
    if Traces::of(&after) != *traces {
        return Err(problem::changed(path));
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn remember(
    cache: &Path,
    known: &StatCache,
    found: &[Found],
    hashes: &[String],
    read_at: SystemTime,
) -> PortResult<()> {
    let files = found
        .iter()
        .zip(hashes)
        .filter_map(|(entry, hash)| match &entry.what {
            What::File { traces, .. } => Some((entry.path.as_str(), *traces, hash.as_str())),
            What::Link { .. } | What::Folder => None,
        });
    let entries = stat_cache::settled(files, read_at);
    if known.is(&entries) {
        return Ok(());
    }
    stat_cache::save(cache, &entries).map_err(|error| problem::unwritable(cache, &error))
}

/// A context's path as this system writes it.
pub(crate) fn native(path: &str) -> PathBuf {
    path.split('/').collect()
}
