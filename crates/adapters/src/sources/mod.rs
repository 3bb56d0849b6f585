//! Where code comes from: folders, and checkouts of git repositories.
//!
//! A folder's `.dockerignore` says what is left out, exactly as Docker reads it. A folder without
//! one leaves out `.git` and every `node_modules`: no build needs them, and they are large.

pub(crate) mod ignore;
mod pack;
mod problem;
pub(crate) mod scan;
mod stat_cache;

use async_trait::async_trait;
use plimsoll_domain::{Secret, server::Endpoint, source::GitReference};
use plimsoll_engine::ports::{Context, PortError, PortResult, Sources};
use std::{
    io::{self, Read},
    path::Path,
};

/// Reads folders of this machine, and fetches repositories into them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Folders;

#[async_trait]
impl Sources for Folders {
    async fn scan(&self, folder: &Path, cache: &Path) -> PortResult<Context> {
        let (folder, cache) = (folder.to_owned(), cache.to_owned());
        blocking(move || scan::scan(&folder, &cache)).await
    }

    async fn pack(&self, context: &Context, hashes: &[String], to: &Path) -> PortResult<u64> {
        let (context, hashes, to) = (context.clone(), hashes.to_vec(), to.to_owned());
        blocking(move || pack::pack(&context, &hashes, &to)).await
    }

    async fn read_text(&self, folder: &Path, path: &str, limit: u64) -> PortResult<Option<String>> {
        let (folder, path) = (folder.to_owned(), path.to_owned());
        blocking(move || read_text(&folder, &path, limit)).await
    }

    async fn checkout(
        &self,
        url: &str,
        reference: &GitReference,
        token: Option<&Secret>,
        endpoint: &Endpoint,
        folder: &Path,
    ) -> PortResult<String> {
        crate::git::checkout(url, reference, token, endpoint, folder).await
    }
}

/// Reads a text file of a folder; see [`Sources::read_text`].
pub(crate) fn read_text(folder: &Path, path: &str, limit: u64) -> PortResult<Option<String>> {
    let refused = || {
        PortError::new(
            "source_path_outside",
            format!("“{path}” is not a path inside the source"),
        )
        .next_step("Give a path relative to the source's folder, without “..”.")
    };
    let inner = scan::native(path);
    if path.is_empty() || path.starts_with('/') || !scan::stays_inside(&inner, 0) {
        return Err(refused());
    }
    let full = folder.join(&inner);
    let resolved = match std::fs::canonicalize(&full) {
        Ok(resolved) => resolved,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(problem::unreadable(&full, &error)),
    };
    let root =
        std::fs::canonicalize(folder).map_err(|error| problem::unreadable(folder, &error))?;
    if !resolved.starts_with(&root) {
        return Err(refused());
    }
    if !resolved.is_file() {
        return Ok(None);
    }
    let failed = |error: io::Error| problem::unreadable(&full, &error);
    let file = std::fs::File::open(&resolved).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(PortError::new(
            "source_too_large",
            format!("{} is larger than {limit} bytes", full.display()),
        )
        .next_step("Check that this is the file you meant."));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| {
        PortError::new(
            "source_not_text",
            format!("{} is not UTF-8 text", full.display()),
        )
        .next_step("Save it as UTF-8.")
    })
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Runs what reads files on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> PortResult<T> + Send + 'static,
) -> PortResult<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(PortError::new(
                "file_local",
                format!("a thread of this program ended: {error}"),
            ))
        })
}
