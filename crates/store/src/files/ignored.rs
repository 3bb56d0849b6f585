//! What a workspace's saves leave out besides what its own ignore files name.

use crate::{Result, StoreError};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::Path;

/// Checks patterns in the manner of `.gitignore`.
///
/// # Errors
/// [`StoreError::BadPattern`] with the first that cannot be read.
pub fn check_patterns(patterns: &[String]) -> Result<()> {
    rules(Path::new("/"), patterns).map(|_| ())
}

pub(super) fn rules(workspace: &Path, patterns: &[String]) -> Result<Gitignore> {
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
    rules.build().map_err(|error| bad("", error))
}
