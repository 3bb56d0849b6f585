//! `plimsoll bin …`

use super::OfProject;
use clap::Subcommand;

/// What can be done with what was deleted from a project's files.
#[derive(Debug, Subcommand)]
pub enum BinVerb {
    /// Puts a file or a folder into the bin.
    Put {
        #[command(flatten)]
        project: OfProject,
        /// Its path in the project.
        path: String,
    },
    /// What is in the bin, newest first.
    List {
        #[command(flatten)]
        project: OfProject,
    },
    /// Puts something back where it was, or beside what is there now.
    Restore {
        #[command(flatten)]
        project: OfProject,
        /// Its id, as the list shows it.
        id: String,
    },
    /// Removes everything from the bin for good, or one thing.
    Empty {
        #[command(flatten)]
        project: OfProject,
        /// Only this one, as the list shows it.
        id: Option<String>,
    },
}
