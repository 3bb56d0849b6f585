//! `plimsoll project | environment | service | variable | configuration …`

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What can be done with projects.
#[derive(Debug, Subcommand)]
pub enum ProjectVerb {
    /// Creates one.
    Create {
        /// Name: lower-case letters, digits and dashes.
        name: String,
        /// The folder of its files, new or adopted; nothing in it is changed.
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Makes the files of a zip archive its first version, in that folder.
        #[arg(long, value_name = "ZIP", requires = "folder")]
        from: Option<PathBuf>,
    },
    /// Adopts a folder as that of its files; nothing in it is changed.
    Folder {
        /// Name of the project.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
    /// How its files and versions are treated: shows it, or changes what is given.
    Settings {
        /// Name of the project.
        name: String,
        /// Newest versions that stay when others are pruned.
        #[arg(long, value_name = "COUNT")]
        keep_last: Option<u32>,
        /// And every one younger than so many days.
        #[arg(long, value_name = "DAYS")]
        keep_days: Option<u32>,
        /// A pattern, as in .gitignore, of what versions leave out; repeat for several. They take
        /// the place of those before.
        #[arg(long = "ignore", value_name = "PATTERN")]
        ignore: Vec<String>,
        /// Leaves nothing out by patterns any more.
        #[arg(long, conflicts_with = "ignore")]
        no_ignore: bool,
        /// Gives services that run on this machine a Postgres from this image; `none` takes it away.
        #[arg(long, value_name = "IMAGE", num_args = 0..=1,
              default_missing_value = plimsoll_domain::run::POSTGRES)]
        run_postgres: Option<String>,
        /// Memory of a container that runs on this machine, in MiB, where its service has no limit
        /// of its own; 0 for none.
        #[arg(long, value_name = "MIB")]
        run_memory: Option<u64>,
        /// Processors of such a container, in thousandths; 0 for no limit.
        #[arg(long, value_name = "MILLIS")]
        run_cpu: Option<u32>,
    },
    /// All projects.
    List,
    /// One project with its environments and services.
    Show {
        /// Name.
        name: String,
    },
    /// Deletes one that runs nowhere.
    Delete {
        /// Name.
        name: String,
    },
}

/// What can be done with environments.
#[derive(Debug, Subcommand)]
pub enum EnvironmentVerb {
    /// Creates one.
    Create {
        /// `project/environment`.
        path: String,
        /// Name of a server it runs on; repeat for several. The first builds. One without servers
        /// holds variables for services that run on this machine.
        #[arg(long = "server")]
        servers: Vec<String>,
    },
    /// Sets the servers it runs on, from the next deployment on.
    Servers {
        /// `project/environment`.
        path: String,
        /// Names of the servers.
        #[arg(required = true)]
        servers: Vec<String>,
    },
    /// Removes one with everything of it that runs: containers, routes, images.
    Delete {
        /// `project/environment`.
        path: String,
        /// Its volumes too: their data is lost.
        #[arg(long)]
        volumes: bool,
        #[command(flatten)]
        approval: super::Approval,
    },
}

/// What can be done with services.
#[derive(Debug, Subcommand)]
pub enum ServiceVerb {
    /// Creates one.
    Create {
        /// `project/service`.
        path: String,
        #[command(flatten)]
        source: SourceArguments,
        #[command(flatten)]
        spec: Box<SpecArguments>,
    },
    /// Changes where it comes from or how it runs, from the next deployment on.
    Update {
        /// `project/service`.
        path: String,
        #[command(flatten)]
        source: SourceArguments,
        #[command(flatten)]
        spec: Box<SpecArguments>,
    },
    /// One service, with its specification.
    Show {
        /// `project/service`.
        path: String,
    },
    /// Removes it from an environment's servers: containers, routes, images.
    Remove {
        /// `project/environment/service`.
        path: String,
        /// Its volumes too: their data is lost.
        #[arg(long)]
        volumes: bool,
        #[command(flatten)]
        approval: super::Approval,
    },
    /// Deletes one that runs nowhere.
    Delete {
        /// `project/service`.
        path: String,
    },
}

/// Where a service's code comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct SourceArguments {
    /// A folder on this machine.
    #[arg(long, group = "source")]
    pub folder: Option<PathBuf>,
    /// A git repository's URL, without credentials.
    #[arg(long, group = "source")]
    pub git: Option<String>,
    /// An image that exists already.
    #[arg(long, group = "source")]
    pub image: Option<String>,
    /// Branch of the git repository.
    #[arg(long, requires = "git", conflicts_with = "commit")]
    pub branch: Option<String>,
    /// Commit of the git repository.
    #[arg(long, requires = "git")]
    pub commit: Option<String>,
    /// A version of the project's own files, by its number.
    #[arg(long, group = "source", value_name = "NUMBER")]
    pub at_version: Option<u32>,
    /// Folder inside the git repository, or inside the project's files.
    #[arg(long, requires = "source", conflicts_with_all = ["folder", "image"])]
    pub subfolder: Option<String>,
    /// Read the token of a private repository, or `user:password` of a registry, from this file;
    /// it is kept in the keychain.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// How a service is built and run. What is not given keeps its value, or its default.
#[derive(Debug, Clone, Default, Args)]
pub struct SpecArguments {
    /// Start from this saved configuration.
    #[arg(long, value_name = "NAME")]
    pub configuration: Option<String>,
    /// Port on which the container listens; 0 for a worker that serves nothing.
    #[arg(long)]
    pub port: Option<u16>,
    /// Health check: `GET` this path.
    #[arg(long, group = "health")]
    pub health_path: Option<String>,
    /// Expected status of the health check; repeat for several. 200 to 299 unless given.
    #[arg(long, requires = "health_path")]
    pub health_status: Vec<u16>,
    /// Health check: a TCP connection is accepted.
    #[arg(long, group = "health")]
    pub health_tcp: bool,
    /// Health check: this command exits with 0; one argument each, closed by `;`.
    #[arg(long, group = "health", num_args = 1.., value_terminator = ";", value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub health_command: Vec<String>,
    /// Health check: the process keeps running.
    #[arg(long, group = "health")]
    pub health_running: bool,
    /// How long a new container may take until its first good answer, in seconds.
    #[arg(long, value_name = "SECONDS")]
    pub health_start: Option<u64>,
    /// Memory limit in MiB.
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u64>,
    /// Processor limit, such as 0.5.
    #[arg(long)]
    pub cpus: Option<f64>,
    /// A named volume as `name:/path`; repeat for several.
    #[arg(long = "volume", value_name = "NAME:PATH")]
    pub volumes: Vec<String>,
    /// Command instead of the image's; one argument each, closed by `;`.
    #[arg(long, num_args = 1.., value_terminator = ";", value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub command: Option<Vec<String>>,
    /// Run once with the new image before the switch; one argument each, closed by `;`.
    #[arg(long, num_args = 1.., value_terminator = ";", value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub release_command: Option<Vec<String>>,
    /// What happens when its process ends.
    #[arg(long)]
    pub restart: Option<Restart>,
    /// Path of the Dockerfile in the source.
    #[arg(long)]
    pub dockerfile: Option<String>,
    /// Build stage to stop at.
    #[arg(long)]
    pub build_target: Option<String>,
    /// Build argument as `NAME=VALUE`; repeat for several. Not for secrets.
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    pub build_args: Vec<String>,
    /// How long a build may take, in seconds.
    #[arg(long, value_name = "SECONDS")]
    pub build_timeout: Option<u64>,
    /// Where the image is built.
    #[arg(long)]
    pub build_on: Option<BuildOn>,
    /// How long the previous container may finish its requests after a switch, in seconds.
    #[arg(long, value_name = "SECONDS")]
    pub drain: Option<u64>,
    /// How long the previous container stays warm after a switch, in seconds.
    #[arg(long, value_name = "SECONDS")]
    pub keep_warm: Option<u64>,
}

/// What happens when a container's process ends.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Restart {
    /// Start it again.
    Always,
    /// Start it again unless it ended well.
    OnFailure,
    /// Leave it stopped.
    Never,
}

/// Where an image is built.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum BuildOn {
    /// On the first server.
    Server,
    /// On this machine's Docker.
    Local,
}

/// What can be done with variables.
#[derive(Debug, Subcommand)]
pub enum VariableVerb {
    /// Sets a plain variable.
    Set {
        /// `project/environment/service`.
        path: String,
        /// Name.
        name: String,
        /// Value.
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Sets a secret; its value is read from standard input or a file, never the command line.
    Secret {
        /// `project/environment/service`.
        path: String,
        /// Name.
        name: String,
        /// Read the value from this file.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Sets all variables of a `.env` file.
    Import {
        /// `project/environment/service`.
        path: String,
        /// The file; `-` for standard input.
        file: PathBuf,
        /// Names that are secrets; `*` for all.
        #[arg(long = "secret", value_name = "NAME")]
        secrets: Vec<String>,
    },
    /// All variables; secrets show only that they are set.
    List {
        /// `project/environment/service`.
        path: String,
    },
    /// Removes one.
    Unset {
        /// `project/environment/service`.
        path: String,
        /// Name.
        name: String,
    },
    /// Prints a secret. Recorded in the audit log.
    Reveal {
        /// `project/environment/service`.
        path: String,
        /// Name.
        name: String,
    },
}

/// What can be done with saved configurations.
#[derive(Debug, Subcommand)]
pub enum ConfigurationVerb {
    /// Saves a service's specification and plain variables under a name.
    Save {
        /// Name of the configuration.
        name: String,
        /// `project/environment/service`.
        path: String,
    },
    /// All configurations.
    List,
    /// Deletes one.
    Delete {
        /// Name.
        name: String,
    },
}
