//! The grammar of `plimsoll`: a noun, then a verb.

mod account;
mod bin;
mod canvas;
mod data;
mod domain;
mod practice;
mod project;
mod run;
mod server;
mod settings;
mod version;
mod work;

pub use account::*;
pub use bin::BinVerb;
pub use canvas::*;
pub use data::*;
pub use domain::*;
pub use practice::*;
pub use project::*;
pub use run::*;
pub use server::*;
pub use settings::*;
pub use version::{OfProject, VersionVerb};
pub use work::*;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Run your own deployments from your own machine.
#[derive(Debug, Parser)]
#[command(
    name = "plimsoll",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Arguments {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Folder with everything that Plimsoll keeps on this machine.
    #[arg(long, global = true, env = "PLIMSOLL_HOME", value_name = "FOLDER")]
    pub home: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub noun: Noun,
}

/// What a command is about.
#[derive(Debug, Subcommand)]
pub enum Noun {
    /// A practice cloud on this machine: both clouds' APIs over real servers in containers.
    #[command(subcommand)]
    Practice(PracticeVerb),
    /// Logins at DigitalOcean and Cloudflare.
    #[command(subcommand)]
    Account(AccountVerb),
    /// SSH keys that Plimsoll keeps in the keychain.
    #[command(subcommand)]
    Key(KeyVerb),
    /// Machines that you deploy to.
    #[command(subcommand)]
    Server(ServerVerb),
    /// Base snapshots from which servers boot in a fraction of the time.
    #[command(subcommand)]
    Snapshot(SnapshotVerb),
    /// Products that you run.
    #[command(subcommand)]
    Project(ProjectVerb),
    /// Settings of this device and of projects, taken from one machine to another.
    #[command(subcommand)]
    Settings(SettingsVerb),
    /// Saved states of a project's files.
    #[command(subcommand)]
    Versions(VersionVerb),
    /// Pages of a project that are previewed as they are written.
    #[command(subcommand)]
    Canvas(CanvasVerb),
    /// What was deleted from a project's files.
    #[command(subcommand)]
    Bin(BinVerb),
    /// Runs a service on this machine's Docker, as it would run on a server.
    Run(RunArguments),
    /// Standing copies of a project: production, staging, ….
    #[command(subcommand)]
    Environment(EnvironmentVerb),
    /// Parts of a project: web, worker, ….
    #[command(subcommand)]
    Service(ServiceVerb),
    /// Variables and secrets of a service in an environment.
    #[command(subcommand)]
    Variable(VariableVerb),
    /// Deployment configurations, saved to be used again.
    #[command(subcommand)]
    Configuration(ConfigurationVerb),
    /// Puts a new release of a service on an environment.
    Deploy(DeployArguments),
    /// Puts an earlier release back: same image, same configuration, same variables.
    Rollback(RollbackArguments),
    /// Runs the present image with today's variables and settings.
    Reconfigure(ReconfigureArguments),
    /// Starts the present release anew as it is; the new container takes over once it is well.
    Restart(RestartArguments),
    /// Releases that can be rolled back to.
    #[command(subcommand)]
    Release(ReleaseVerb),
    /// Every deployment ever made.
    #[command(subcommand)]
    Deployment(DeploymentVerb),
    /// Names with HTTPS in front of services.
    #[command(subcommand)]
    Domain(DomainVerb),
    /// What a service prints.
    Logs(LogsArguments),
    /// How everything is.
    Status(StatusArguments),
    /// Durable work: what ran, what was interrupted, what can be resumed or undone.
    #[command(subcommand)]
    Job(JobVerb),
    /// Who did what, and when.
    #[command(subcommand)]
    Audit(AuditVerb),
    /// Everything that is kept on this machine: taken along, brought back.
    #[command(subcommand)]
    Data(DataVerb),
    /// Completions for a shell, to be sourced by it.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Shows the plan instead of running it, or runs it without asking.
#[derive(Debug, Clone, Args)]
pub struct Approval {
    /// Only show what it would do.
    #[arg(long)]
    pub plan: bool,
    /// Do it without asking.
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Answer as soon as the job is queued instead of watching it.
    #[arg(long)]
    pub detach: bool,
}

/// A page of a long list.
#[derive(Debug, Clone, Args)]
pub struct Paging {
    /// How many rows at most.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Begin after this row: the `next` of the page before.
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}
