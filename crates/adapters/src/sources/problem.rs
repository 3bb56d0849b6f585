//! What can be wrong with a folder, each naming what it is about.

use plimsoll_engine::ports::PortError;
use std::{io, path::Path};

/// A file or folder could not be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> PortError {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => PortError::new(
            "source_vanished",
            format!("{shown} was there a moment ago and is gone"),
        )
        .next_step("Try again when nothing changes the folder.")
        .retryable(),
        _ => PortError::new(
            "source_unreadable",
            format!("{shown} cannot be read: {error}"),
        )
        .next_step("Make it readable, or list it in .dockerignore."),
    }
}

/// A file changed between two looks at it.
pub(super) fn changed(path: &Path) -> PortError {
    PortError::new(
        "source_changed",
        format!("{} changed while it was read", path.display()),
    )
    .next_step("Try again when nothing changes the folder.")
    .retryable()
}

/// A name is not UTF-8.
pub(super) fn not_utf8(path: &Path) -> PortError {
    PortError::new(
        "source_name_not_utf8",
        format!("the name of {} is not UTF-8", path.display()),
    )
    .evidence(format!("{path:?}"))
    .next_step("Rename it, or list its folder in .dockerignore.")
}

/// A link leads out of the folder.
pub(super) fn leads_out(path: &Path, target: &Path) -> PortError {
    PortError::new(
        "source_link_outside",
        format!("the link {} leads out of its folder", path.display()),
    )
    .evidence(format!("it points to {}", target.display()))
    .next_step("Copy what it points to into the folder, or list the link in .dockerignore.")
}

/// Neither a file, a folder nor a link.
pub(super) fn special(path: &Path) -> PortError {
    PortError::new(
        "source_not_a_file",
        format!("{} is neither a file, a folder nor a link", path.display()),
    )
    .next_step("List it in .dockerignore.")
}

/// A cache or a packed file could not be written.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> PortError {
    PortError::new(
        "file_local",
        format!("writing {} failed: {error}", path.display()),
    )
    .next_step("Check this machine's free disk and the rights on that folder.")
}
