//! The lock that keeps a second process off a state folder, also while the first one is starting.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::PathBuf;

use crate::command::{self, Signal};
use crate::error::{AtPath, LabError};
use crate::folder::StateFolder;

fn path(folder: &StateFolder) -> PathBuf {
    folder.root().join("lock")
}

fn open(folder: &StateFolder) -> Result<File, LabError> {
    let path = path(folder);
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .read(true)
        .open(&path)
        .at("open", path)
}

/// Takes the folder for this process until the file is dropped, and notes which process it is.
pub(super) fn take(folder: &StateFolder) -> Result<File, LabError> {
    let mut file = open(folder)?;
    let path = path(folder);
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).at("write", &path)?;
            write!(file, "{}", std::process::id()).at("write", &path)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(LabError::State {
            path,
            cause: "another practice cloud is running on this folder".into(),
        }),
        Err(TryLockError::Error(source)) => Err(LabError::File {
            doing: "lock",
            path,
            source,
        }),
    }
}

/// The process that has the folder; `None` when none has.
pub(super) fn holder(folder: &StateFolder) -> Result<Option<u32>, LabError> {
    let path = path(folder);
    if !path.exists() {
        return Ok(None);
    }
    let file = open(folder)?;
    match file.try_lock() {
        // Dropping the file gives the lock back.
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let text = std::fs::read_to_string(&path).at("read", &path)?;
            // Between taking the lock and writing its number there is nobody to be named.
            Ok(Some(text.trim().parse().unwrap_or_default()))
        }
        Err(TryLockError::Error(source)) => Err(LabError::File {
            doing: "lock",
            path,
            source,
        }),
    }
}

/// Ends a process that has the folder and does not answer: one that is still starting.
pub(super) fn end_holder(pid: u32) {
    if pid != 0 {
        command::signal(pid, Signal::End);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_taken_names_its_holder_and_refuses_another() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = StateFolder::open(root.path()).expect("opened");
        assert_eq!(holder(&folder).expect("readable"), None);
        let held = take(&folder).expect("free");
        assert_eq!(holder(&folder).expect("readable"), Some(std::process::id()));
        take(&folder).expect_err("taken");
        drop(held);
        assert_eq!(holder(&folder).expect("readable"), None);
        take(&folder).expect("free again");
    }
}
