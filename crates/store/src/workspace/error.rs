//! What can go wrong with the files in a project's folder.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The answer of everything that is done to files.
pub type Result<T> = std::result::Result<T, WorkspaceError>;

/// Something that could not be done to files; nothing was changed then, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The project's folder is not there.
    #[error("The folder {} is not there.", path.display())]
    Gone {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing at that path.
    #[error("There is no “{path}” any more.")]
    Missing {
        /// The path.
        path: String,
    },
    /// The path leads out of the project's folder, or to what is no part of it.
    #[error("“{path}” is out of bounds: {why}.")]
    Outside {
        /// The path.
        path: String,
        /// In which way.
        why: &'static str,
    },
    /// A folder is needed there.
    #[error("“{path}” is no folder.")]
    NoFolder {
        /// The path.
        path: String,
    },
    /// A file is needed there.
    #[error("“{path}” is no file.")]
    NoFile {
        /// The path.
        path: String,
    },
    /// Something of that name is there already.
    #[error("There is a “{path}” already.")]
    Exists {
        /// The path.
        path: String,
    },
    /// A folder was to be put into itself.
    #[error("“{path}” cannot be put into itself.")]
    IntoItself {
        /// The path.
        path: String,
    },
    /// Its owner has said that it is only to be read.
    #[error("“{path}” is only to be read.")]
    ReadOnly {
        /// The path.
        path: String,
    },
    /// A text is larger than what is edited.
    #[error("The text is larger than {most} bytes.")]
    TooLarge {
        /// Most bytes.
        most: u64,
    },
    /// What is searched for cannot be read.
    #[error("What you search for cannot be read: {why}.")]
    BadPattern {
        /// Why.
        why: String,
    },
    /// Nothing of that id is in the bin.
    #[error("It is not in the bin any more.")]
    NotInBin,
    /// All of it is in the bin, and some of it is still where it was, too.
    #[error("“{path}” was copied into the bin, but could not be removed altogether.")]
    NotRemoved {
        /// The path.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// Somebody stopped it.
    #[error("It was stopped.")]
    Stopped,
    /// The system said no.
    #[error("Could not {doing} {}.", path.display())]
    System {
        /// What we were doing.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl WorkspaceError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "workspace_gone",
            Self::Missing { .. } => "file_missing",
            Self::Outside { .. } => "path_outside",
            Self::NoFolder { .. } => "file_no_folder",
            Self::NoFile { .. } => "file_no_file",
            Self::Exists { .. } => "file_exists",
            Self::IntoItself { .. } => "file_into_itself",
            Self::ReadOnly { .. } => "file_readonly",
            Self::TooLarge { .. } => "file_too_large",
            Self::BadPattern { .. } => "invalid_search",
            Self::NotInBin => "bin_entry_missing",
            Self::NotRemoved { .. } => "file_not_removed",
            Self::Stopped => "cancelled",
            Self::System { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "file_disk_full",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "file_denied"
                }
                _ => "file_system",
            },
        }
    }

    /// What shows it, where there is more to say than its message.
    pub fn evidence(&self) -> Option<String> {
        match self {
            Self::System { source, .. } | Self::NotRemoved { source, .. } => {
                Some(source.to_string())
            }
            _ => None,
        }
    }

    /// What to do now.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Gone { .. } => {
                "Plug the disk in, or choose where the folder is now. Every saved version is there."
            }
            Self::Missing { .. } => "Another program removed it. Look whether it was moved.",
            Self::Outside { .. } => "Choose a path in the project's folder, without links.",
            Self::NoFolder { .. } => "Choose a folder.",
            Self::NoFile { .. } => "Choose a file.",
            Self::Exists { .. } => "Choose another name.",
            Self::IntoItself { .. } => "Choose another folder.",
            Self::ReadOnly { .. } => "Change its permissions first.",
            Self::TooLarge { .. } => "Open it with another program.",
            Self::BadPattern { .. } => "Correct the expression, or search for plain text.",
            Self::NotInBin => "Look at the bin again.",
            Self::NotRemoved { .. } => {
                "Nothing is lost: the bin holds all of it. Change the permissions of what is left, then delete it."
            }
            Self::Stopped => "Start it again when you want.",
            Self::System { .. } => match self.code() {
                "file_disk_full" => "Free some space, then do it again. Nothing was lost.",
                "file_denied" => "Change the permissions of the file or of its folder.",
                _ => "Do it again; if it stays so, look at the disk.",
            },
        }
    }
}

/// Wraps what the system said.
pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WorkspaceError {
    let path = path.to_owned();
    move |source| WorkspaceError::System {
        doing,
        path,
        source,
    }
}
