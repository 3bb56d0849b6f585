//! The agent's binary on this machine, as it is sent to servers.

use super::body::local;
use plimsoll_engine::ports::{PortError, PortResult};
use std::{
    env,
    path::{Path, PathBuf},
};

/// Names the binary explicitly, before anything else is tried.
const VARIABLE: &str = "PLIMSOLL_AGENT";
const NAME: &str = "plimsoll-agent";

/// What the binary is. Its bytes, some megabytes, are read when a server is to have them.
#[derive(Clone)]
pub(super) struct Binary {
    path: PathBuf,
    /// BLAKE3, hex.
    pub(super) hash: String,
    /// As Docker names it: `amd64`, `arm64`.
    pub(super) architecture: &'static str,
}

/// Where it lies as seen from the program's folder: beside it (a checkout, Windows), in a Debian
/// package, in a bundle of macOS.
const PLACES: [&str; 3] = [".", "../lib/Plimsoll", "../Resources"];

/// Finds the binary: the one that the settings name, the one that `PLIMSOLL_AGENT` names, the one
/// that was installed with this program.
pub(super) fn find(setting: Option<&Path>) -> PortResult<PathBuf> {
    let named = setting
        .map(Path::to_path_buf)
        .or_else(|| env::var_os(VARIABLE).map(PathBuf::from));
    if let Some(path) = named {
        return Ok(path);
    }
    env::current_exe()
        .ok()
        .and_then(|program| installed_with(program.parent()?))
        .ok_or_else(|| {
            PortError::new(
                "agent_binary_missing",
                "the agent's binary was not installed with this program",
            )
            .next_step(format!(
                "Install Plimsoll again, or name the binary in the environment as {VARIABLE}."
            ))
        })
}

fn installed_with(folder: &Path) -> Option<PathBuf> {
    let mut places = PLACES.iter().map(|place| folder.join(place).join(NAME));
    places.find(|path| path.is_file())
}

impl Binary {
    /// Its bytes, as they were when it was looked at.
    pub(super) async fn bytes(&self) -> PortResult<Vec<u8>> {
        let bytes = contents(&self.path).await?;
        if hash(&bytes) != self.hash {
            return Err(PortError::new(
                "agent_binary_changed",
                format!("{} is another one than before", self.path.display()),
            )
            .next_step("Start Plimsoll again: it was brought up to date while it was open."));
        }
        Ok(bytes)
    }
}

async fn contents(path: &Path) -> PortResult<Vec<u8>> {
    let read = tokio::fs::read(path).await;
    read.map_err(|error| local(path, "reading the agent's binary", &error))
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Looks at what a binary is.
pub(super) async fn look(path: &Path) -> PortResult<Binary> {
    let bytes = contents(path).await?;
    let architecture = architecture(&bytes).ok_or_else(|| {
        PortError::new(
            "agent_binary_invalid",
            format!(
                "{} is no Linux program for a processor that we know",
                path.display()
            ),
        )
        .next_step("Install Plimsoll again.")
    })?;
    Ok(Binary {
        path: path.to_owned(),
        hash: hash(&bytes),
        architecture,
    })
}

/// The processors of an ELF file (`e_machine`, System V ABI, chapter 4).
fn architecture(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    match u16::from_le_bytes([*bytes.get(18)?, *bytes.get(19)?]) {
        0x3e => Some("amd64"),
        0xb7 => Some("arm64"),
        _ => None,
    }
}

/// What `uname -m` says, in Docker's words.
pub(super) fn in_dockers_words(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_where_packages_put_it() {
        for place in ["bin", "lib/Plimsoll", "Resources"] {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("bin");
            std::fs::create_dir_all(&program).unwrap();
            assert_eq!(installed_with(&program), None);
            let there = folder.path().join(place);
            std::fs::create_dir_all(&there).unwrap();
            std::fs::write(there.join(NAME), "").unwrap();
            let found = installed_with(&program).unwrap();
            let expected = there.join(NAME).canonicalize().unwrap();
            assert_eq!(found.canonicalize().unwrap(), expected, "{place}");
        }
    }

    #[tokio::test]
    async fn a_binary_that_was_replaced_meanwhile_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64, 0);
        bytes[18] = 0x3e;
        std::fs::write(&path, &bytes).unwrap();
        let binary = look(&path).await.unwrap();
        assert_eq!(binary.bytes().await.unwrap(), bytes);
        bytes.push(1);
        std::fs::write(&path, &bytes).unwrap();
        let refused = binary.bytes().await.unwrap_err();
        assert_eq!(refused.code(), "agent_binary_changed");
    }

    #[test]
    fn a_binary_tells_its_processors() {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(64, 0);
        assert_eq!(architecture(&header), None);
        header[18] = 0x3e;
        assert_eq!(architecture(&header), Some("amd64"));
        header[18] = 0xb7;
        assert_eq!(architecture(&header), Some("arm64"));
        assert_eq!(architecture(b"#!/bin/sh\n"), None);
        assert_eq!(architecture(b""), None);
    }
}
