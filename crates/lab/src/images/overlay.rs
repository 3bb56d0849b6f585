//! Files, folders and links that a recipe lays over the packages of an image.

use sha2::{Digest, Sha256};

use crate::error::LabError;

/// One thing at one absolute path of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A file with its mode.
    File(String, u32, Vec<u8>),
    /// A symbolic link and where it points.
    Link(String, String),
}

impl Entry {
    pub(crate) fn file(path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        Self::File(path.to_owned(), mode, content.as_ref().to_vec())
    }

    pub(crate) fn link(path: &str, target: &str) -> Self {
        Self::Link(path.to_owned(), target.to_owned())
    }

    /// A systemd unit that never starts.
    pub(crate) fn masked(unit: &str) -> Self {
        Self::Link(
            format!("/etc/systemd/system/{unit}"),
            "/dev/null".to_owned(),
        )
    }

    /// Adds everything that tells two entries apart.
    pub(crate) fn hash_into(&self, hash: &mut Sha256) {
        let (kind, path, mode, content) = match self {
            Self::File(path, mode, content) => (b"file", path, *mode, content.as_slice()),
            Self::Link(path, target) => (b"link", path, 0, target.as_bytes()),
        };
        hash.update(kind);
        for part in [path.as_bytes(), &mode.to_be_bytes(), content] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
}

/// The entries as a tar archive, paths relative to the root.
pub(crate) fn archive(entries: &[Entry]) -> Result<Vec<u8>, LabError> {
    let failed = |error: std::io::Error| LabError::File {
        doing: "pack",
        path: "the files laid over an image".into(),
        source: error,
    };
    let mut tar = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_uid(0);
        header.set_gid(0);
        match entry {
            Entry::File(path, mode, content) => {
                header.set_mode(*mode);
                header.set_size(content.len() as u64);
                tar.append_data(&mut header, relative(path), content.as_slice())
                    .map_err(failed)?;
            }
            Entry::Link(path, target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                tar.append_link(&mut header, relative(path), target)
                    .map_err(failed)?;
            }
        }
    }
    tar.into_inner().map_err(failed)
}

fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_files_with_modes_and_links() {
        let entries = [
            Entry::file("/usr/local/bin/tool", 0o755, "#!/bin/sh\n"),
            Entry::masked("a.service"),
        ];
        let packed = archive(&entries).expect("packed");
        let mut tar = tar::Archive::new(packed.as_slice());
        let found: Vec<_> = tar
            .entries()
            .expect("entries")
            .map(|entry| {
                let entry = entry.expect("entry");
                let path = entry.path().expect("path").display().to_string();
                (
                    path,
                    entry.header().mode().expect("mode"),
                    entry.header().entry_type(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (
                    "usr/local/bin/tool".to_owned(),
                    0o755,
                    tar::EntryType::Regular
                ),
                (
                    "etc/systemd/system/a.service".to_owned(),
                    0o777,
                    tar::EntryType::Symlink
                ),
            ]
        );
    }
}
