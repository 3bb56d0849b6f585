//! The repositories on disk and who may open them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::error::{AtPath, LabError};

/// Holds the hash of the repository's token; its absence makes the repository public.
const TOKEN_FILE: &str = "plimsoll-token.sha256";

/// Longest name of a repository, characters.
const LONGEST_NAME: usize = 100;

/// The name of a repository: `name` or `owner/name`, of letters, digits, `-`, `_` and `.`, each part
/// starting with a letter or digit. Whoever holds one holds a path that stays in its folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositoryName(String);

/// A text that cannot be the name of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a repository's name; use name or owner/name, of letters, digits, \"-\", \"_\" and \
     \".\", at most {LONGEST_NAME} characters"
)]
pub struct InvalidRepositoryName(String);

impl RepositoryName {
    /// Reads a name, without `.git` at its end.
    ///
    /// # Errors
    /// [`InvalidRepositoryName`] when it breaks the rule above.
    pub fn parse(text: &str) -> Result<Self, InvalidRepositoryName> {
        let good = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
                && ![".git", ".lock", "."].iter().any(|end| part.ends_with(end))
        };
        let parts = text.split('/').count();
        if text.len() <= LONGEST_NAME && parts <= 2 && text.split('/').all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRepositoryName(text.to_owned()))
        }
    }
}

impl std::fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A folder of bare repositories. Several may look at one folder; all state is in the files.
#[derive(Debug, Clone)]
pub struct GitHost {
    root: PathBuf,
}

/// What a visitor may do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing is there, or nothing that this visitor may know of.
    None,
    /// The token is missing or wrong.
    Unauthorized,
    Read,
    Write,
}

impl GitHost {
    /// Opens the folder, which is made when it is missing.
    ///
    /// # Errors
    /// [`LabError::File`] when it cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, LabError> {
        let root = root.into();
        std::fs::create_dir_all(&root).at("make", &root)?;
        let root = root.canonicalize().at("open", &root)?;
        Ok(Self { root })
    }

    /// Makes a bare repository whose default branch is `main` and returns its folder; one that is
    /// there already is left as it is. It is public until it gets a token.
    ///
    /// # Errors
    /// [`LabError::Program`] when git fails, [`LabError::Missing`] without git.
    pub async fn create_repository(&self, name: &RepositoryName) -> Result<PathBuf, LabError> {
        let doing = || format!("make the git repository {name}");
        let path = self.path(name);
        let mut git = self.git();
        git.args(["init", "--quiet", "--bare", "--initial-branch=main", "--"])
            .arg(&path);
        let output = git
            .output()
            .await
            .map_err(|error| missing(doing(), &error))?;
        if !output.status.success() {
            return Err(LabError::Program {
                doing: doing(),
                program: "git".to_owned(),
                how: format!("ended with {}", output.status),
                stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        Ok(path)
    }

    /// Makes a repository private behind a token (any user name goes with it), or public again:
    /// then everybody may read and nobody may push.
    ///
    /// Only a hash of the token is kept.
    ///
    /// # Errors
    /// [`LabError::File`] when there is no such repository or its folder cannot be written.
    pub fn set_token(&self, name: &RepositoryName, token: Option<&str>) -> Result<(), LabError> {
        let folder = self.path(name);
        folder
            .join("HEAD")
            .metadata()
            .at("find the repository", &folder)?;
        let file = folder.join(TOKEN_FILE);
        match token {
            Some(token) => crate::folder::write_private(&file, hash(token).as_bytes()),
            None if file.exists() => std::fs::remove_file(&file).at("remove", &file),
            None => Ok(()),
        }
    }

    /// What a visitor with this password may do. As on GitHub, a repository that does not exist
    /// looks like a private one to whoever shows no token.
    pub(super) fn access(&self, name: &str, password: Option<&str>) -> Access {
        let name = RepositoryName::parse(name).ok();
        let folder = name.map(|name| self.path(&name));
        let folder = folder.filter(|folder| folder.join("HEAD").is_file());
        let Some(folder) = folder else {
            return if password.is_some() {
                Access::None
            } else {
                Access::Unauthorized
            };
        };
        match (std::fs::read_to_string(folder.join(TOKEN_FILE)), password) {
            // Hashes are compared, so that the time it takes says nothing about the token.
            (Ok(expected), Some(given)) if hash(given) == expected.trim() => Access::Write,
            (Err(error), _) if error.kind() == std::io::ErrorKind::NotFound => Access::Read,
            (Ok(_) | Err(_), _) => Access::Unauthorized,
        }
    }

    fn path(&self, name: &RepositoryName) -> PathBuf {
        self.root.join(format!("{name}.git"))
    }

    /// Git, untouched by the user's own configuration.
    pub(super) fn git(&self) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", &self.root)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", null_device())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

/// An error of starting git.
pub(super) fn missing(doing: String, error: &std::io::Error) -> LabError {
    match error.kind() {
        std::io::ErrorKind::NotFound => LabError::Missing {
            doing,
            program: "git".to_owned(),
            package: "git".to_owned(),
        },
        _ => LabError::Program {
            doing,
            program: "git".to_owned(),
            how: "could not be started".to_owned(),
            stderr: error.to_string(),
        },
    }
}

fn null_device() -> &'static str {
    if cfg!(windows) { "NUL" } else { "/dev/null" }
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
