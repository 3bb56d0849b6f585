//! The practice cloud that `cargo xtask test` has started.

use std::{
    env,
    path::{Path, PathBuf},
};

/// A practice cloud. The tests share it.
pub struct Practice {
    folder: PathBuf,
}

impl Practice {
    pub fn named_by_environment() -> Self {
        Self {
            folder: env::var_os("PLIMSOLL_PRACTICE").unwrap().into(),
        }
    }

    /// Its state folder, which also is how programs find it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
