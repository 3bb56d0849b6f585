//! Git repositories, fetched over HTTPS by `gix`: no program is started, no hook and no filter runs,
//! and a token is handed over by callback, so that it stands in no URL, argument or file.

mod fetch;
mod http;
mod problem;
mod worktree;

use crate::http::client;
use plimsoll_domain::{Secret, server::Endpoint, source::GitReference};
use plimsoll_engine::ports::{PortError, PortResult};
use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Handle;
use url::Url;

/// Pause between two tries for a checkout that another process writes.
const RETRY: Duration = Duration::from_millis(50);

/// Fetches a repository and makes `folder` hold one commit of it; answers that commit.
///
/// Objects are kept beside the folder, as `{folder}.git`, so that they never get into a build.
pub(crate) async fn checkout(
    url: &str,
    reference: &GitReference,
    token: Option<&Secret>,
    endpoint: &Endpoint,
    folder: &Path,
) -> PortResult<String> {
    let url = address(url, token.is_some())?;
    let client = client(endpoint).map_err(|why| {
        PortError::new(
            "git_untrusted",
            format!("the account's endpoint cannot be used: {why}"),
        )
        .next_step("Connect the account again.")
    })?;
    let stop = Stop(Arc::default());
    let (flag, runtime) = (Arc::clone(&stop.0), Handle::current());
    let (reference, token, folder) = (reference.clone(), token.cloned(), folder.to_owned());
    let work = move || {
        let store = beside(&folder);
        let _alone = alone(&store, &flag)?;
        let repository = fetch::open(&store)?;
        let order = fetch::Order {
            url: &url,
            reference: &reference,
            token: token.as_ref(),
            client,
            runtime,
            stop: &flag,
        };
        let commit = fetch::fetch(&repository, &order)?;
        let record = store.join("plimsoll-checkout.json");
        worktree::check_out(&repository, commit, &folder, &record, &flag)?;
        Ok(commit.to_string())
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(PortError::new(
                "git_protocol",
                format!("a thread of this program ended: {error}"),
            ))
        })
}

/// Tells the thread to stop when nobody waits for it any more.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().map(OsString::from).unwrap_or_default();
    name.push(".git");
    folder.with_file_name(name)
}

/// Waits until no other process writes this checkout; two at once would leave a mixture of both.
fn alone(store: &Path, stop: &AtomicBool) -> PortResult<File> {
    let path = store.with_extension("lock");
    let failed = |error: io::Error| problem::local(&path, &error);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true);
    let file = file.open(&path).map_err(failed)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if stop.load(Ordering::Relaxed) => {
                return Err(problem::stopped());
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(RETRY),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

/// An address that can be fetched from, without credentials in it.
fn address(text: &str, has_token: bool) -> PortResult<Url> {
    let https = "Give its https:// address, with a token where it is private.";
    let url = Url::parse(text).map_err(|_| problem::address(text, "it is not a URL", https))?;
    if !url.username().is_empty() || url.password().is_some() {
        // Not shown: what stands there may be a secret.
        return Err(problem::address("the address", "it carries a login", https));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if !has_token => Ok(url),
        "http" => Err(problem::address(
            text,
            "a token would travel unencrypted",
            https,
        )),
        "file" => Err(problem::address(
            text,
            "it is a folder",
            "Deploy it as a folder instead.",
        )),
        _ => Err(problem::address(text, "only https is supported", https)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_keep_a_token_safe_are_taken() {
        for (text, has_token, is_taken) in [
            ("https://git.test/a.git", true, true),
            ("http://git.test/a.git", false, true),
            ("http://git.test/a.git", true, false),
            ("https://user:hunter2@git.test/a.git", false, false),
            ("https://hunter2@git.test/a.git", false, false),
            ("ssh://git@git.test/a.git", false, false),
            ("git@git.test:a.git", false, false),
            ("file:///etc", false, false),
            ("--upload-pack=touch /tmp/x", false, false),
            ("ext::sh -c id", false, false),
        ] {
            let taken = address(text, has_token);
            assert_eq!(taken.is_ok(), is_taken, "{text}");
            if let Err(error) = taken {
                assert_eq!(error.code(), "git_url_invalid");
                assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            }
        }
    }

    #[test]
    fn one_checkout_is_written_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("shop.git");
        let stop = AtomicBool::new(false);
        let held = alone(&store, &stop).unwrap();
        stop.store(true, Ordering::Relaxed);
        let refused = alone(&store, &stop).unwrap_err();
        assert_eq!(refused.code(), problem::stopped().code());
        drop(held);
        alone(&store, &stop).unwrap();
    }

    #[test]
    fn objects_are_kept_beside_the_folder() {
        assert_eq!(beside(Path::new("/a/b.c")), Path::new("/a/b.c.git"));
    }
}
