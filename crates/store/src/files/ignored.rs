//! What the settings of a project leave out besides what its own ignore files name.

use crate::{Result, StoreError};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::{path::Path, sync::Arc};

/// Checks patterns in the manner of `.gitignore`.
///
/// # Errors
/// [`StoreError::BadPattern`] with the first that cannot be read.
pub fn check_patterns(patterns: &[String]) -> Result<()> {
    Rules::all(Path::new("/"), patterns).map(|_| ())
}

/// The patterns of a project's settings, for its versions, its tree, its searches and its watches
/// alike. What they leave out, no ignore file brings back. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Rules(Arc<Gitignore>);

impl Rules {
    /// All patterns.
    ///
    /// # Errors
    /// [`StoreError::BadPattern`] with the first that cannot be read: what was meant to be left out
    /// must not be saved.
    pub(super) fn all(workspace: &Path, patterns: &[String]) -> Result<Self> {
        let bad = |pattern: &str, error: ignore::Error| StoreError::BadPattern {
            pattern: pattern.to_owned(),
            why: error.to_string(),
        };
        let mut rules = GitignoreBuilder::new(workspace);
        for pattern in patterns {
            rules
                .add_line(None, pattern)
                .map_err(|error| bad(pattern, error))?;
        }
        let rules = rules.build().map_err(|error| bad("", error))?;
        Ok(Self(Arc::new(rules)))
    }

    /// Those patterns that can be read: nobody shall be kept from looking at files by one of them.
    pub fn readable(workspace: &Path, patterns: &[String]) -> Self {
        let mut rules = GitignoreBuilder::new(workspace);
        for pattern in patterns {
            if let Err(error) = rules.add_line(None, pattern) {
                tracing::warn!("a pattern of the settings counts for nothing: {error}");
            }
        }
        let rules = rules.build().unwrap_or_else(|_| Gitignore::empty());
        Self(Arc::new(rules))
    }

    /// Whether they leave nothing out.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something in the workspace is left out, by its whole path.
    pub(super) fn leave_out(&self, path: &Path, is_folder: bool) -> bool {
        self.0.matched(path, is_folder).is_ignore()
    }
}
