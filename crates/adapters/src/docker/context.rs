//! The context of a build on this machine, as one archive for the builder's standard input.

use crate::sources::scan;
use plimsoll_engine::ports::{PortError, PortResult};
use plimsoll_protocol::ContextFileKind;
use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::Path,
};

/// An archive, and which of its files is the Dockerfile.
pub(super) struct Archive {
    pub(super) file: File,
    pub(super) dockerfile: String,
}

/// Archives what [`scan`] finds in the folder, so that a build here sees the very files that a
/// build on a server would. A generated Dockerfile goes in under a name of its own.
pub(super) fn archive(
    folder: &Path,
    dockerfile: &str,
    generated: Option<&str>,
) -> PortResult<Archive> {
    let scratch = tempfile::tempdir().map_err(failed)?;
    let context = scan::scan(folder, &scratch.path().join("cache"))?;
    let mut name = match (generated, dockerfile) {
        (Some(_), _) => ".plimsoll.Dockerfile",
        (None, "") => "Dockerfile",
        (None, path) => path,
    }
    .to_owned();
    let mut archive = tar::Builder::new(BufWriter::new(tempfile::tempfile().map_err(failed)?));
    archive.follow_symlinks(false);
    let mut is_there = false;
    for file in &context.files {
        let full = context.folder.join(scan::native(&file.path));
        let mut header = tar::Header::new_gnu();
        header.set_mode(if file.executable { 0o755 } else { 0o644 });
        match &file.kind {
            ContextFileKind::File { size, .. } => {
                let content = File::open(&full).map_err(failed)?;
                let metadata = content.metadata().map_err(failed)?;
                if metadata.len() != *size {
                    return Err(PortError::new(
                        "source_changed",
                        format!("{} changed while it was read", full.display()),
                    )
                    .next_step("Try again when nothing changes the folder.")
                    .retryable());
                }
                header.set_size(*size);
                header.set_mtime(seconds(&metadata));
                is_there |= file.path == name;
                archive
                    .append_data(&mut header, &file.path, content)
                    .map_err(failed)?;
            }
            ContextFileKind::Link { target } => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                header.set_mode(0o777);
                archive
                    .append_link(&mut header, &file.path, target)
                    .map_err(failed)?;
            }
            ContextFileKind::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                header.set_mode(0o755);
                archive
                    .append_data(&mut header, format!("{}/", file.path), io::empty())
                    .map_err(failed)?;
            }
        }
    }
    let given = match generated {
        Some(text) => {
            while context.files.iter().any(|file| file.path == name) {
                name.push('_');
            }
            Some(text.to_owned())
        }
        // A Dockerfile that `.dockerignore` lists is still the one to build from.
        None if !is_there => crate::sources::read_text(folder, &name, 1024 * 1024)?,
        None => None,
    };
    if let Some(text) = given {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        archive
            .append_data(&mut header, &name, text.as_bytes())
            .map_err(failed)?;
    } else if !is_there {
        return Err(PortError::new(
            "dockerfile_missing",
            format!("there is no “{name}” in {}", folder.display()),
        )
        .next_step("Correct the path of the Dockerfile in the service's build settings."));
    }
    let mut writer = archive.into_inner().map_err(failed)?;
    writer.flush().map_err(failed)?;
    let mut file = writer
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(Archive {
        file,
        dockerfile: name,
    })
}

fn seconds(metadata: &std::fs::Metadata) -> u64 {
    metadata
        .modified()
        .ok()
        .and_then(|moment| moment.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_secs())
}

fn failed(error: io::Error) -> PortError {
    PortError::new(
        "file_local",
        format!("collecting the files to build from failed: {error}"),
    )
    .next_step("Check this machine's free disk, and that nothing changes the folder.")
}
