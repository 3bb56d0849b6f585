//! `plimsoll deploy | rollback | reconfigure | release | deployment | job | audit | logs | status`

use super::{Approval, Paging};
use clap::{Args, Subcommand};

/// What to deploy.
#[derive(Debug, Args)]
pub struct DeployArguments {
    /// `project/environment/service`.
    pub path: String,
    /// Another branch than the service's, this once.
    #[arg(long, conflicts_with = "commit")]
    pub branch: Option<String>,
    /// Another commit than the service's, this once.
    #[arg(long)]
    pub commit: Option<String>,
    /// A version of the project's files, by its number, its name or `latest`, this once.
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["branch", "commit"])]
    pub at_version: Option<String>,
    /// Run it as this saved configuration says, from now on.
    #[arg(long, value_name = "NAME")]
    pub configuration: Option<String>,
    #[command(flatten)]
    pub approval: Approval,
}

/// Where to roll back to.
#[derive(Debug, Args)]
pub struct RollbackArguments {
    /// `project/environment/service`.
    pub path: String,
    /// Number of the release; the one before the present unless given.
    #[arg(long, value_name = "NUMBER")]
    pub to: Option<u32>,
    #[command(flatten)]
    pub approval: Approval,
}

/// What to start anew.
#[derive(Debug, Args)]
pub struct RestartArguments {
    /// `project/environment/service`.
    pub path: String,
    #[command(flatten)]
    pub approval: Approval,
}

/// What to reconfigure.
#[derive(Debug, Args)]
pub struct ReconfigureArguments {
    /// `project/environment/service`.
    pub path: String,
    #[command(flatten)]
    pub approval: Approval,
}

/// What can be done with releases.
#[derive(Debug, Subcommand)]
pub enum ReleaseVerb {
    /// All releases of a service, newest first.
    List {
        /// `project/environment/service`.
        path: String,
    },
}

/// What can be done with deployments.
#[derive(Debug, Subcommand)]
pub enum DeploymentVerb {
    /// Deployments, newest first.
    List {
        /// Only of this `project`, `project/environment` or `project/environment/service`.
        path: Option<String>,
        /// Only with this status.
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// One deployment with its steps.
    Show {
        /// Its id.
        id: String,
    },
    /// What its steps printed.
    Logs {
        /// Its id.
        id: String,
        #[command(flatten)]
        paging: Paging,
    },
}

/// Whose log lines.
#[derive(Debug, Args)]
pub struct LogsArguments {
    /// `project/environment/service`.
    pub path: String,
    /// Go on with new lines.
    #[arg(long, short)]
    pub follow: bool,
    /// How many of the last lines to begin with.
    #[arg(long, short = 'n', default_value_t = 100)]
    pub lines: u32,
    /// Only this server; all unless given.
    #[arg(long)]
    pub server: Option<String>,
}

/// Whose status.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// `project/environment`.
    pub path: String,
}

/// What can be done with jobs.
#[derive(Debug, Subcommand)]
pub enum JobVerb {
    /// Jobs, newest first.
    List {
        /// Only with this status.
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// One job with its steps.
    Show {
        /// Its id.
        id: String,
    },
    /// Watches one until it ends.
    Watch {
        /// Its id.
        id: String,
    },
    /// Goes on with one that was interrupted.
    Resume {
        /// Its id.
        id: String,
    },
    /// Takes back what one that was interrupted, or failed, has done.
    Undo {
        /// Its id.
        id: String,
    },
    /// Runs one again from the step that failed.
    Retry {
        /// Its id.
        id: String,
    },
    /// Asks one to stop and take back what it has done.
    Cancel {
        /// Its id.
        id: String,
    },
}

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Entries, newest first.
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Checks that no entry was changed or removed.
    Verify,
}
