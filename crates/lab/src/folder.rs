//! Where a practice cloud keeps its things, and how files are written there.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{AtPath, LabError};

/// The state folder of one lab: everything that a wipe removes.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: PathBuf,
}

/// Everything that a lab keeps in its folder. A wipe removes these and nothing else.
const OWN: [&str; 12] = [
    "acme-root.pem",
    "api",
    "ca",
    "choices.json",
    "engine",
    "git",
    "ground.json",
    "handle.json",
    "lock",
    "port.json",
    "practice.log",
    "running.json",
];
/// How files begin that are being written.
const DRAFT: &str = ".tmp";

impl StateFolder {
    /// Opens the folder, making it when it is not there; only its owner may enter.
    ///
    /// # Errors
    /// When it cannot be made, or holds what no lab has put there: somebody's home is no state.
    pub fn open(root: &Path) -> Result<Self, LabError> {
        std::fs::create_dir_all(root).at("make", root)?;
        for entry in std::fs::read_dir(root).at("read", root)? {
            let name = entry.at("read", root)?.file_name();
            let name = name.to_string_lossy();
            if !OWN.contains(&name.as_ref()) && !name.starts_with(DRAFT) {
                return Err(LabError::State {
                    path: root.to_owned(),
                    cause: format!(
                        "“{name}” in it belongs to no practice cloud; name an empty folder"
                    ),
                });
            }
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let owner_only = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(root, owner_only).at("protect", root)?;
        }
        // One folder has one name: the instance is derived from it.
        let root = root.canonicalize().at("find", root)?;
        Ok(Self { root })
    }

    /// Removes what a lab has put there, and the folder when nothing else is in it.
    pub(crate) fn remove(&self) -> Result<(), LabError> {
        for entry in std::fs::read_dir(&self.root).at("read", &self.root)? {
            let entry = entry.at("read", &self.root)?;
            let (name, path) = (entry.file_name(), entry.path());
            let name = name.to_string_lossy();
            if !OWN.contains(&name.as_ref()) && !name.starts_with(DRAFT) {
                continue;
            }
            if entry.file_type().at("look at", &path)?.is_dir() {
                std::fs::remove_dir_all(&path).at("remove", &path)?;
            } else {
                std::fs::remove_file(&path).at("remove", &path)?;
            }
        }
        // Somebody else's file keeps it.
        let _ = std::fs::remove_dir(&self.root);
        Ok(())
    }

    /// The folder itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the API keeps its books.
    pub fn api(&self) -> PathBuf {
        self.root.join("api")
    }

    /// The lab's certificate authority.
    pub fn authority(&self) -> PathBuf {
        self.root.join("ca")
    }

    /// What the ground knows of droplets and addresses.
    pub fn ground(&self) -> PathBuf {
        self.root.join("ground.json")
    }

    /// An own engine's data and log.
    pub fn engine(&self) -> PathBuf {
        self.root.join("engine")
    }

    /// Facts of the running lab, there exactly while it is ready.
    pub fn running(&self) -> PathBuf {
        self.root.join("running.json")
    }

    /// What opens the interface by which the running lab is stopped.
    pub fn handle(&self) -> PathBuf {
        self.root.join("handle.json")
    }

    /// What the lab's process says while it starts and runs.
    pub fn log(&self) -> PathBuf {
        self.root.join("practice.log")
    }

    /// Choices that stay the same from one start to the next.
    pub fn choices(&self) -> PathBuf {
        self.root.join("choices.json")
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), LabError> {
    write_with(path, content, false)
}

/// The same, readable by its owner only from its first byte on.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), LabError> {
    write_with(path, content, true)
}

fn write_with(path: &Path, content: &[u8], private: bool) -> Result<(), LabError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).at("write", path)?;
    file.write_all(content).at("write", path)?;
    #[cfg(unix)]
    if !private {
        use std::os::unix::fs::PermissionsExt;
        let readable = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(readable).at("write", path)?;
    }
    #[cfg(not(unix))]
    let _ = private;
    file.as_file().sync_data().at("write", path)?;
    file.persist(path)
        .map_err(|error| error.error)
        .at("write", path)?;
    Ok(())
}

/// Writes a value as JSON, whole or not at all, readable by its owner only.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), LabError> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| LabError::State {
        path: path.to_owned(),
        cause: error.to_string(),
    })?;
    write_private(path, &text)
}

/// Reads a value that [`write_json`] wrote; `None` when there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LabError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(LabError::File {
                doing: "read",
                path: path.to_owned(),
                source,
            });
        }
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| LabError::State {
            path: path.to_owned(),
            cause: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("value.json");
        assert_eq!(
            read_json::<Vec<u32>>(&path).expect("nothing there is no error"),
            None
        );
        write_json(&path, &vec![1, 2, 3]).expect("written");
        assert_eq!(read_json(&path).expect("read"), Some(vec![1, 2, 3]));
    }

    #[test]
    fn a_folder_with_somebodys_files_is_no_state_and_a_wipe_spares_them() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let state = root.path().join("state");
        let folder = StateFolder::open(&state).expect("opened");
        write_json(&folder.choices(), &1).expect("written");
        std::fs::create_dir_all(folder.engine().join("data")).expect("made");
        StateFolder::open(&state).expect("opened again");
        std::fs::write(state.join("thesis.txt"), "years").expect("written");
        let refused = StateFolder::open(&state).expect_err("not ours");
        assert!(refused.to_string().contains("thesis.txt"), "{refused}");
        folder.remove().expect("removed");
        let left = std::fs::read_dir(&state).expect("read").count();
        assert_eq!(left, 1);
        assert!(state.join("thesis.txt").exists());
        std::fs::remove_file(state.join("thesis.txt")).expect("removed");
        folder.remove().expect("removed");
        assert!(!state.exists());
    }

    #[test]
    fn a_torn_file_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("value.json");
        std::fs::write(&path, "{").expect("written");
        let error = read_json::<Vec<u32>>(&path).expect_err("it is torn");
        assert!(error.to_string().contains("value.json"), "{error}");
    }
}
