//! Paths in a project's folder: relative, with slashes, never leading out of it.

use crate::content::{is_name, refused_by_windows};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest path, in bytes: what Linux takes at once.
const LONGEST: usize = 4_095;

/// The path of a file or folder in a project's folder. Its text alone never leads out of the
/// folder; links on the disk are another matter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FilePath(String);

/// The path of a folder in a project's folder; empty for the folder itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FolderPath(String);

/// A text that is no path in a project's folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{path}” is no path in the project: {why}")]
pub struct InvalidPath {
    /// The text, shortened.
    pub path: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl FilePath {
    /// Reads a path: names separated by slashes.
    ///
    /// # Errors
    /// When it is empty, absolute, too long, or has a part that is no name, such as `..`. On
    /// Windows also when it has a name that Windows refuses.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let refuse = |why| InvalidPath {
            path: text.chars().take(200).collect(),
            why,
        };
        if text.is_empty() {
            return Err(refuse("it is empty"));
        }
        if text.starts_with('/') {
            return Err(refuse("it is not relative to the project's folder"));
        }
        if text.len() > LONGEST {
            return Err(refuse("it is too long"));
        }
        for part in text.split('/') {
            if part == ".." {
                return Err(refuse("it leads out of the folder that it is in"));
            }
            if !is_name(part) {
                return Err(refuse("a part of it is no name"));
            }
            if cfg!(windows)
                && let Some(why) = refused_by_windows(part)
            {
                return Err(refuse(why));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its last name.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The folder that it is in.
    pub fn folder(&self) -> FolderPath {
        let above = self.0.rsplit_once('/').map_or("", |(above, _)| above);
        FolderPath(above.to_owned())
    }

    /// Its names, from the top.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether it is this one or lies below it.
    pub fn is_within(&self, other: &FilePath) -> bool {
        self.0
            .strip_prefix(&other.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Its path once what is at `from` is at `to`; `None` for one that is not within `from`.
    pub fn carried(&self, from: &FilePath, to: &FilePath) -> Option<FilePath> {
        let rest = self.is_within(from).then(|| &self.0[from.0.len()..])?;
        Some(FilePath(format!("{}{rest}", to.0)))
    }

    /// The same as a folder.
    pub fn as_folder(&self) -> FolderPath {
        FolderPath(self.0.clone())
    }
}

impl FolderPath {
    /// Reads a path; empty for the project's folder itself.
    ///
    /// # Errors
    /// As [`FilePath::parse`].
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        match text {
            "" => Ok(Self::default()),
            text => FilePath::parse(text).map(|path| path.as_folder()),
        }
    }

    /// The path as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its names, from the top.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// A name in it.
    ///
    /// # Errors
    /// As [`FilePath::parse`].
    pub fn join(&self, name: &str) -> Result<FilePath, InvalidPath> {
        match self.0.as_str() {
            "" => FilePath::parse(name),
            above => FilePath::parse(&format!("{above}/{name}")),
        }
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for FilePath {
    type Error = InvalidPath;
    fn try_from(text: String) -> Result<Self, InvalidPath> {
        Self::parse(&text)
    }
}

impl From<FilePath> for String {
    fn from(path: FilePath) -> Self {
        path.0
    }
}

impl TryFrom<String> for FolderPath {
    type Error = InvalidPath;
    fn try_from(text: String) -> Result<Self, InvalidPath> {
        Self::parse(&text)
    }
}

impl From<FolderPath> for String {
    fn from(path: FolderPath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_leads_out_of_the_project() {
        for text in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/../b",
            "a/..",
            ".",
            "a/./b",
            "a//b",
            "a/",
            "a\0b",
        ] {
            assert!(FilePath::parse(text).is_err(), "{text:?}");
        }
        assert!(FilePath::parse(&"a/".repeat(4_000)).is_err());
        for text in ["a", ".env", "a/b c/ü.txt", "..a", "a..b/...", "a\\b"] {
            assert_eq!(
                FilePath::parse(text).is_ok(),
                !cfg!(windows) || text != "a\\b"
            );
        }
    }

    #[test]
    fn a_path_knows_its_name_and_its_folder() {
        let path = FilePath::parse("a/b/c.txt").unwrap();
        assert_eq!((path.name(), path.folder().as_str()), ("c.txt", "a/b"));
        assert_eq!(
            FilePath::parse("c").unwrap().folder(),
            FolderPath::default()
        );
        let within = |a: &str, b: &str| {
            FilePath::parse(a)
                .unwrap()
                .is_within(&FilePath::parse(b).unwrap())
        };
        assert!(within("a/b", "a") && within("a", "a") && !within("ab", "a"));
        let carried = |path: &str| {
            let [path, a, to] = [path, "a", "x/y"].map(|path| FilePath::parse(path).unwrap());
            path.carried(&a, &to).map(|path| path.to_string())
        };
        assert_eq!(carried("a/b/c").as_deref(), Some("x/y/b/c"));
        assert_eq!(
            (carried("a").as_deref(), carried("ab")),
            (Some("x/y"), None)
        );
        let joined = FolderPath::parse("a/b").unwrap().join("c").unwrap();
        assert_eq!(joined.as_str(), "a/b/c");
        assert!(FolderPath::default().join("..").is_err());
    }
}
