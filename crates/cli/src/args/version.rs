//! `plimsoll versions …`

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be done with the versions of a project's files.
#[derive(Debug, Subcommand)]
pub enum VersionVerb {
    /// Saves the files as they are.
    Save {
        #[command(flatten)]
        project: OfProject,
        /// What changed, for those who read the history.
        #[arg(short, long, default_value = "")]
        message: String,
    },
    /// All versions, newest first.
    List {
        #[command(flatten)]
        project: OfProject,
    },
    /// What a version changed; with a path the content of a file in it.
    Show {
        #[command(flatten)]
        project: OfProject,
        /// Its number, its name, or `latest`.
        #[arg(id = "which", value_name = "VERSION")]
        version: String,
        /// A file in it.
        path: Option<String>,
    },
    /// What differs between two versions, line by line where it is text.
    Diff {
        #[command(flatten)]
        project: OfProject,
        /// The earlier one.
        before: String,
        /// The later one.
        after: String,
    },
    /// Puts a version back. What is there is saved first.
    Restore {
        #[command(flatten)]
        project: OfProject,
        /// Its number, its name, or `latest`.
        #[arg(id = "which", value_name = "VERSION")]
        version: String,
        /// Only this file or folder.
        #[arg(long)]
        path: Option<String>,
    },
    /// Writes a version as a zip archive.
    Export {
        #[command(flatten)]
        project: OfProject,
        /// Its number, its name, or `latest`.
        #[arg(id = "which", value_name = "VERSION")]
        version: String,
        /// The archive.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Takes a zip archive in as a version.
    Import {
        #[command(flatten)]
        project: OfProject,
        /// The archive.
        from: PathBuf,
        /// What it is, for those who read the history.
        #[arg(short, long, default_value = "")]
        message: String,
    },
    /// Gives a version a name, or takes it away.
    Name {
        #[command(flatten)]
        project: OfProject,
        /// Its number, its name, or `latest`.
        #[arg(id = "which", value_name = "VERSION")]
        version: String,
        /// The name; none takes it away.
        name: Option<String>,
    },
    /// Keeps a version when others are pruned.
    Pin {
        #[command(flatten)]
        project: OfProject,
        /// Its number, its name, or `latest`.
        #[arg(id = "which", value_name = "VERSION")]
        version: String,
        /// Lets it loose again.
        #[arg(long)]
        off: bool,
    },
    /// Marks a version as the one that the project works on.
    Activate {
        #[command(flatten)]
        project: OfProject,
        /// Its number, its name, or `latest`.
        #[arg(id = "which", value_name = "VERSION")]
        version: String,
    },
    /// Lets old versions go. Pinned, named and active ones stay.
    Prune {
        #[command(flatten)]
        project: OfProject,
        /// Keep the newest so many; without, what the project's settings say.
        #[arg(long)]
        last: Option<u32>,
        /// And every one younger than so many days; without, what the project's settings say.
        #[arg(long)]
        days: Option<u32>,
        /// Do it; without, it only shows what would go.
        #[arg(long, short = 'y')]
        yes: bool,
    },
    /// Proves that every version of every project can be read.
    Check {
        /// Read every byte.
        #[arg(long)]
        read_data: bool,
        /// Keep again what the projects' folders still have of what is damaged, and list again what
        /// the database does not know.
        #[arg(long)]
        repair: bool,
    },
}

/// Which project.
#[derive(Debug, Args)]
pub struct OfProject {
    /// Name of the project.
    #[arg(long, value_name = "NAME")]
    pub project: String,
}
