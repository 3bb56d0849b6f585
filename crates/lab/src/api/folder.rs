//! The state folder: books and credentials as files that only their owner can read, each replaced
//! whole, so that a crash leaves the old file or the new one.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What opens the demo account and the control interface; written at the first start.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// Token of the default DigitalOcean account, all scopes.
    pub digitalocean_token: String,
    /// User token of the default Cloudflare account, all permissions.
    pub cloudflare_token: String,
    /// Token of the control interface under `/lab/v1`.
    pub control_token: String,
    /// UUID of the default DigitalOcean account.
    pub digitalocean_account: String,
    /// Identifier of the default Cloudflare account.
    pub cloudflare_account: String,
    /// Name of the default zone.
    pub zone: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("digitalocean_token", &"Secret(…)")
            .field("cloudflare_token", &"Secret(…)")
            .field("control_token", &"Secret(…)")
            .field("digitalocean_account", &self.digitalocean_account)
            .field("cloudflare_account", &self.cloudflare_account)
            .field("zone", &self.zone)
            .finish()
    }
}

impl Credentials {
    /// Name of the file inside the state folder.
    pub const FILE: &'static str = "credentials.json";

    /// Reads the credentials of a lab from its state folder.
    ///
    /// # Errors
    /// When the file is missing, unreadable or not what this version wrote.
    pub fn read(folder: &Path) -> Result<Self, FolderError> {
        read(&folder.join(Self::FILE))?.ok_or_else(|| FolderError {
            doing: "read",
            path: folder.join(Self::FILE),
            source: io::Error::from(io::ErrorKind::NotFound),
        })
    }
}

/// A file of the state folder could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} {path}: {source}", path = path.display())]
pub struct FolderError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Makes the folder with access for its owner only.
pub(crate) fn prepare(folder: &Path) -> Result<(), FolderError> {
    let done = fs::create_dir_all(folder).and_then(|()| owner_only(folder));
    done.map_err(|source| FolderError {
        doing: "make",
        path: folder.into(),
        source,
    })
}

#[cfg(unix)]
fn owner_only(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// A folder below the user's own is theirs alone there.
#[cfg(not(unix))]
fn owner_only(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Reads a text file; `None` when there is none.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>, FolderError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderError {
            doing: "read",
            path: path.into(),
            source,
        }),
    }
}

/// Reads a JSON file; `None` when there is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FolderError> {
    let Some(text) = read_text(path)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| FolderError {
            doing: "understand",
            path: path.into(),
            source: error.into(),
        })
}

/// Replaces a file whole, readable by its owner only.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let draft = path.with_extension("tmp");
    let written = (|| {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&draft, path)
    })();
    written.map_err(|source| FolderError {
        doing: "write",
        path: path.into(),
        source,
    })
}

/// Replaces a JSON file whole.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), FolderError> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| FolderError {
        doing: "write",
        path: path.into(),
        source: error.into(),
    })?;
    write(path, &bytes)
}
