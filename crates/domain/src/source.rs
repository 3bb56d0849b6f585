//! Where a service's code comes from.

use crate::{VersionId, content::ContentHash, service::is_inside};
use serde::{Deserialize, Serialize};

/// The origin of a release's bytes. Credentials are never part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A folder on this machine.
    Folder {
        /// Absolute path.
        path: String,
    },
    /// A git repository.
    Git {
        /// `https://…`, `ssh://…` or `git@…` without credentials.
        url: String,
        /// What to check out.
        reference: GitReference,
        /// Folder inside the repository; empty for its root.
        #[serde(default)]
        folder: String,
    },
    /// An image that exists already.
    Image {
        /// Reference as Docker understands it, such as `ghcr.io/acme/web:1.2`.
        reference: String,
    },
    /// The files of the service's own project, as one of their versions holds them.
    Version {
        /// The version's number within the project.
        number: u32,
        /// Folder inside the project's files; empty for all of them.
        #[serde(default)]
        folder: String,
    },
}

/// In a line, as lists show it.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Folder { path } => f.write_str(path),
            Source::Git { url, reference, .. } => match reference {
                GitReference::Default => f.write_str(url),
                GitReference::Branch(name) => write!(f, "{url} ({name})"),
                GitReference::Commit(hash) => write!(f, "{url} ({hash})"),
            },
            Source::Image { reference } => f.write_str(reference),
            Source::Version { number, folder } if folder.is_empty() => {
                write!(f, "version {number}")
            }
            Source::Version { number, folder } => write!(f, "version {number} ({folder})"),
        }
    }
}

/// What to check out of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum GitReference {
    /// The remote's default branch.
    Default,
    /// A branch by name.
    Branch(String),
    /// A commit by its full or abbreviated hash.
    Commit(String),
}

/// Where a release's bytes came from, exactly: recorded with it and shown in history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Provenance {
    /// The git commit, where there is one.
    pub commit: Option<String>,
    /// BLAKE3 over the manifest of the build context, where something was built.
    pub content_hash: Option<String>,
    /// The image reference that was resolved, where an image was given.
    pub image_reference: Option<String>,
    /// Whether the Dockerfile was generated, and for which stack.
    pub generated_for: Option<String>,
    /// The version of the project's files that holds the bytes, where they came from those files.
    #[serde(default)]
    pub version: Option<SavedAs>,
}

/// A version as a release remembers it: it stays told when the version itself was let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedAs {
    /// The version.
    pub id: VersionId,
    /// Its number within the project.
    pub number: u32,
    /// The tree of its files.
    pub root: ContentHash,
}

/// A source that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part} {why}")]
pub struct InvalidSource {
    /// The part that is wrong, quoted for people without anything secret.
    pub part: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Source {
    /// Checks what would travel to git or Docker.
    pub fn check(&self) -> Result<(), InvalidSource> {
        match self {
            Source::Folder { path } => {
                if std::path::Path::new(path).is_absolute() && !path.contains('\0') {
                    Ok(())
                } else {
                    Err(InvalidSource {
                        part: format!("the folder “{}”", path.escape_debug()),
                        why: "has to be an absolute path",
                    })
                }
            }
            Source::Git {
                url,
                reference,
                folder,
            } => {
                check_git_url(url)?;
                reference.check()?;
                if is_inside(folder) {
                    Ok(())
                } else {
                    Err(InvalidSource {
                        part: format!("the folder “{}”", folder.escape_debug()),
                        why: "has to lie inside the repository",
                    })
                }
            }
            Source::Image { reference } => {
                let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b);
                let starts = reference.starts_with(|c: char| c.is_ascii_alphanumeric());
                if starts && reference.len() <= 512 && reference.bytes().all(plain) {
                    Ok(())
                } else {
                    Err(InvalidSource {
                        part: format!("“{}”", reference.escape_debug()),
                        why: "is no reference to an image, such as ghcr.io/acme/web:1.2",
                    })
                }
            }
            Source::Version { number: 0, .. } => Err(InvalidSource {
                part: "version 0".to_owned(),
                why: "cannot be: versions count up from 1",
            }),
            Source::Version { folder, .. } => {
                if is_inside(folder) {
                    Ok(())
                } else {
                    Err(InvalidSource {
                        part: format!("the folder “{}”", folder.escape_debug()),
                        why: "has to lie inside the project's files",
                    })
                }
            }
        }
    }
}

/// Only forms that no program reads as an option or a command (`ext::sh -c …`, `-oProxyCommand`),
/// and none that carries a password: those would end up in logs and in `.git/config`.
fn check_git_url(url: &str) -> Result<(), InvalidSource> {
    // The URL itself is not quoted, as it may carry a password.
    let refuse = |why| {
        Err(InvalidSource {
            part: "the repository's URL".to_owned(),
            why,
        })
    };
    if url.len() > 2_000 || url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return refuse("contains blanks or control characters, or is too long");
    }
    if let Some(rest) = url.strip_prefix("git@") {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/~".contains(&b);
        return match rest.split_once(':') {
            Some((host, path))
                if !host.is_empty()
                    && !path.is_empty()
                    && !host.starts_with('-')
                    && !path.starts_with('-')
                    && host.bytes().all(plain)
                    && path.bytes().all(plain) =>
            {
                Ok(())
            }
            _ => refuse("is not of the form git@host:path"),
        };
    }
    let Ok(parsed) = url::Url::parse(url) else {
        return refuse("is not a URL");
    };
    match parsed.scheme() {
        "https" | "http" if !parsed.username().is_empty() || parsed.password().is_some() => {
            refuse("carries a login: give the token apart, it belongs into the keychain")
        }
        "ssh" if parsed.password().is_some() => refuse("carries a password"),
        "https" | "http" | "ssh" => match parsed.host_str() {
            Some(host) if !host.is_empty() && !host.starts_with('-') => Ok(()),
            _ => refuse("names no host"),
        },
        _ => refuse("has to start with https://, ssh:// or git@"),
    }
}

impl GitReference {
    /// Checks a branch by git's own rules (git-check-ref-format) and a commit by its form.
    pub fn check(&self) -> Result<(), InvalidSource> {
        match self {
            GitReference::Default => Ok(()),
            GitReference::Branch(name) => {
                let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
                let wrong = name.is_empty()
                    || name.len() > 255
                    || name.starts_with(['-', '/', '.'])
                    || name.ends_with(['/', '.'])
                    || name.ends_with(".lock")
                    || name == "@"
                    || name.contains("..")
                    || name.contains("//")
                    || name.contains("/.")
                    || name.contains("@{")
                    || name.contains(forbidden);
                if wrong {
                    Err(InvalidSource {
                        part: format!("“{}”", name.escape_debug()),
                        why: "is no name of a branch",
                    })
                } else {
                    Ok(())
                }
            }
            GitReference::Commit(hash) => {
                let hex = hash.bytes().all(|b| b.is_ascii_hexdigit());
                if hex && (7..=64).contains(&hash.len()) {
                    Ok(())
                } else {
                    Err(InvalidSource {
                        part: format!("“{}”", hash.escape_debug()),
                        why: "is no hash of a commit: 7 to 64 hexadecimal digits",
                    })
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(url: &str, reference: GitReference, folder: &str) -> Source {
        Source::Git {
            url: url.into(),
            reference,
            folder: folder.into(),
        }
    }

    #[test]
    fn usual_sources_pass() {
        for url in [
            "https://github.com/acme/shop.git",
            "ssh://git@host:2222/a/b",
            "git@github.com:acme/shop.git",
            "http://127.0.0.1:8080/x",
        ] {
            let branch = GitReference::Branch("feature/ünï-1".into());
            assert_eq!(git(url, branch, "apps/web").check(), Ok(()), "{url}");
        }
        let image = Source::Image {
            reference: "ghcr.io/acme/web:1.2".into(),
        };
        assert_eq!(image.check(), Ok(()));
        let version = Source::Version {
            number: 3,
            folder: "apps/web".into(),
        };
        assert_eq!(version.check(), Ok(()));
        assert_eq!(version.to_string(), "version 3 (apps/web)");
    }

    #[test]
    fn a_url_that_git_could_misread_is_refused_and_never_quoted() {
        for url in [
            "ext::sh -c id",
            "-oProxyCommand=id",
            "file:///etc",
            "https://user:hunter2@host/x",
            "https://hunter2@host/x",
            "git@-oProxyCommand=hunter2:x",
            "git@host:-x",
            "ssh://-oProxyCommand=hunter2/x",
            "",
        ] {
            let error = git(url, GitReference::Default, "").check().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn odd_branches_commits_folders_and_images_are_refused() {
        for name in [
            "--upload-pack=id",
            "a b",
            "a..b",
            "x.lock",
            "a\nb",
            "",
            "@{1}",
        ] {
            assert!(
                GitReference::Branch(name.into()).check().is_err(),
                "{name:?}"
            );
        }
        for hash in ["HEAD", "abc", "--x", "zzzzzzz"] {
            assert!(
                GitReference::Commit(hash.into()).check().is_err(),
                "{hash:?}"
            );
        }
        let url = "https://host/x";
        assert!(git(url, GitReference::Default, "../x").check().is_err());
        for (number, folder) in [(0, ""), (1, "../x"), (1, "/etc")] {
            let folder = folder.to_owned();
            let version = Source::Version { number, folder };
            assert!(version.check().is_err(), "{version}");
        }
        for reference in ["-x", "a b", "$(id)", ""] {
            let image = Source::Image {
                reference: reference.into(),
            };
            assert!(image.check().is_err(), "{reference:?}");
        }
    }
}
