//! Locks on files, which the system frees when their holder ends, however it ends.

use crate::{Result, StoreError};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

/// A held lock; freed when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    file: File,
    path: PathBuf,
}

impl Held {
    /// Takes the lock for this process alone; `None` when somebody else has it.
    pub(crate) fn try_alone(path: &Path) -> Result<Option<Held>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Held {
                file,
                path: path.to_owned(),
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed("lock", path, source)),
        }
    }

    /// Takes the lock together with others who share it; `None` when somebody has it alone.
    pub(crate) fn try_shared(path: &Path) -> Result<Option<Held>> {
        let file = open(path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Held {
                file,
                path: path.to_owned(),
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed("lock", path, source)),
        }
    }

    /// Waits for a lock that `attempt` takes, asking again every 50 ms.
    pub(crate) async fn wait(
        attempt: impl Fn() -> Result<Option<Held>>,
        patience: Duration,
        doing: &'static str,
    ) -> Result<Held> {
        let mut waited = Duration::ZERO;
        let pause = Duration::from_millis(50);
        loop {
            if let Some(held) = attempt()? {
                return Ok(held);
            }
            if waited >= patience {
                return Err(StoreError::InUse { doing });
            }
            tokio::time::sleep(pause).await;
            waited += pause;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing the file frees it too; this only makes it certain that it happens now.
        if let Err(error) = self.file.unlock() {
            tracing::warn!(path = %self.path.display(), %error, "a lock was not freed");
        }
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(|source| failed("open", path, source))
}

fn failed(doing: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}
