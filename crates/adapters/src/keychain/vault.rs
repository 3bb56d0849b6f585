//! A file that stands in for a keychain: sealed with a passphrase, replaced whole, locked while it
//! changes.

use super::seal::{self, Entries, Key, Unsealed};
use crate::files::{beside, make_folder, private, replace};
use async_trait::async_trait;
use plimsoll_domain::Secret;
use plimsoll_engine::ports::{Clock, Keychain, PortError, PortResult};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long another process may hold the file, milliseconds.
const PATIENCE_MS: u64 = 10_000;
/// What the copy of the vault as it was before its last change ends with.
const BEFORE: &str = "before";
/// Pause between two tries for the lock, milliseconds.
const RETRY_MS: u64 = 50;

/// A vault: one file, sealed with Argon2id and AES-256-GCM, readable by its owner only.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    path: PathBuf,
    passphrase: Secret,
    clock: Arc<dyn Clock>,
    key: Mutex<Option<Key>>,
}

impl Vault {
    /// The vault in this file, which the first write makes.
    pub fn new(path: impl Into<PathBuf>, passphrase: Secret, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            path: path.into(),
            passphrase,
            clock,
            key: Mutex::default(),
        }))
    }

    /// Opens the file once, so that a wrong passphrase is told before anything else is done.
    ///
    /// # Errors
    /// `vault_wrong_passphrase`, `vault_damaged`, `vault_newer`, `vault_unreadable`.
    pub async fn check(&self) -> PortResult<()> {
        self.run(|inner| inner.read().map(drop)).await
    }

    /// Makes the file, with nothing in it: whoever finds it knows that a vault was chosen.
    ///
    /// # Errors
    /// `vault_exists` when there is one; that one is left alone.
    pub async fn create(&self) -> PortResult<()> {
        let lock = self.lock().await?;
        self.run(move |inner| {
            if inner.path.exists() {
                return Err(PortError::new(
                    "vault_exists",
                    format!("There is a vault already: {}.", inner.path.display()),
                )
                .next_step("Open it with its passphrase."));
            }
            let written = inner.write(&Entries::default());
            drop(lock);
            written
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Inner) -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let inner = Arc::clone(&self.0);
        // Deriving the key takes a good part of a second, and files block.
        tokio::task::spawn_blocking(move || act(&inner))
            .await
            .map_err(|_| {
                PortError::new("vault_unreadable", "The vault's work ended unexpectedly.")
                    .next_step("Try again.")
            })?
    }

    async fn change(
        &self,
        change: impl FnOnce(&mut Entries) -> bool + Send + 'static,
    ) -> PortResult<()> {
        let lock = self.lock().await?;
        self.run(move |inner| {
            let mut entries = inner.read()?;
            let changed = change(&mut entries);
            let written = if changed {
                inner.write(&entries)
            } else {
                Ok(())
            };
            drop(lock);
            written
        })
        .await
    }

    /// Waits for other processes that change the file.
    async fn lock(&self) -> PortResult<File> {
        let path = beside(&self.0.path, "lock");
        let failed = |error| io_failed("lock", &path, &error);
        if let Some(folder) = path.parent() {
            make_folder(folder).map_err(|error| io_failed("make", folder, &error))?;
        }
        let file = private(OpenOptions::new().create(true).truncate(false).write(true))
            .open(&path)
            .map_err(failed)?;
        let mut waited = 0;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if waited < PATIENCE_MS => {
                    tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                    waited += RETRY_MS;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(PortError::new(
                        "vault_busy",
                        format!(
                            "Another process has held {} for ten seconds.",
                            self.0.path.display()
                        ),
                    )
                    .next_step("Wait for the other Plimsoll to finish, then try again.")
                    .retryable());
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

#[async_trait]
impl Keychain for Vault {
    async fn get(&self, entry: &str) -> PortResult<Option<Secret>> {
        let entry = entry.to_owned();
        // The file is replaced whole, so reading needs no lock.
        self.run(move |inner| Ok(inner.read()?.0.remove(&entry)))
            .await
    }

    async fn set(&self, entry: &str, value: &Secret) -> PortResult<()> {
        let (entry, value) = (entry.to_owned(), value.clone());
        self.change(move |entries| entries.0.insert(entry, value.clone()).as_ref() != Some(&value))
            .await
    }

    async fn delete(&self, entry: &str) -> PortResult<()> {
        let entry = entry.to_owned();
        self.change(move |entries| entries.0.remove(&entry).is_some())
            .await
    }
}

impl Inner {
    fn read(&self) -> PortResult<Entries> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Entries::default()),
            Err(error) => return Err(io_failed("read", &self.path, &error)),
        };
        let known = self
            .key
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (entries, key) = seal::open(&bytes, &self.passphrase, known.as_ref())
            .map_err(|error| self.explain(&error))?;
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        Ok(entries)
    }

    fn write(&self, entries: &Entries) -> PortResult<()> {
        let known = self
            .key
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let made = match known {
            Some(key) => Ok(key),
            None => Key::fresh(&self.passphrase, self.clock.as_ref()),
        };
        let key = made.map_err(|error| self.explain(&error))?;
        let bytes =
            seal::seal(entries, &key, self.clock.as_ref()).map_err(|error| self.explain(&error))?;
        let before = beside(&self.path, BEFORE);
        match std::fs::copy(&self.path, &before) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_failed("copy", &self.path, &error)),
        }
        replace(&self.path, &bytes).map_err(|error| io_failed("write", &self.path, &error))?;
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        Ok(())
    }

    fn explain(&self, error: &Unsealed) -> PortError {
        let path = self.path.display();
        match error {
            Unsealed::WrongPassphrase => PortError::new(
                "vault_wrong_passphrase",
                format!("The vault {path} was sealed with another passphrase."),
            )
            .next_step("Give the passphrase that it was made with. Nothing was changed."),
            Unsealed::Newer(_) => PortError::new(
                "vault_newer",
                format!("The vault {path} cannot be opened: {error}."),
            )
            .next_step("Update Plimsoll. Nothing was changed."),
            Unsealed::Damaged(_) => PortError::new(
                "vault_damaged",
                format!("The vault {path} cannot be opened: {error}."),
            )
            .next_step(format!(
                "Put {} in its place, which lacks its last change, or bring everything back from \
                 an export. Nothing was changed.",
                beside(&self.path, BEFORE).display()
            )),
        }
    }
}

fn io_failed(doing: &str, path: &Path, error: &io::Error) -> PortError {
    PortError::new(
        "vault_unreadable",
        format!("Could not {doing} {}: {error}.", path.display()),
    )
    .next_step("Check the folder, who may write there, and that the disk is not full.")
}

#[cfg(test)]
mod tests;
