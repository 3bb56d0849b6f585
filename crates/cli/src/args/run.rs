//! `plimsoll run …`

use super::OfProject;
use clap::{Args, Subcommand};

/// What to run on this machine.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct RunArguments {
    #[command(subcommand)]
    pub verb: Option<RunVerb>,
    /// Name of the project.
    #[arg(long, required = true, value_name = "NAME")]
    pub project: Option<String>,
    /// Name of the service; needed where the project has several.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Name of the environment whose variables it gets; needed where there are several.
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Build and start it again whenever its files change.
    #[arg(long, conflicts_with = "detach")]
    pub watch: bool,
    /// Leave it running instead of showing what it prints until Ctrl-C.
    #[arg(long)]
    pub detach: bool,
}

/// What can be done with what runs on this machine.
#[derive(Debug, Subcommand)]
pub enum RunVerb {
    /// What runs here, and what a crash has left.
    Status,
    /// What a service prints, or the database of a project.
    Logs {
        #[command(flatten)]
        project: OfProject,
        /// Name of the service; the database when none is named.
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// How many of the last lines to begin with.
        #[arg(long, default_value_t = 100)]
        lines: u32,
        /// Go on with new lines.
        #[arg(long, short)]
        follow: bool,
    },
    /// Stops a project, or one service of it. What is in volumes stays.
    Stop {
        #[command(flatten)]
        project: OfProject,
        /// Name of the service; all of them when none is named.
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
    },
    /// Removes what a crash has left. Nothing that Plimsoll did not make is touched.
    Clean,
    /// Deletes what a project's runs keep in volumes: its database, and what its services wrote.
    DeleteData {
        #[command(flatten)]
        project: OfProject,
        /// Do it without asking.
        #[arg(long, short = 'y')]
        yes: bool,
    },
}
