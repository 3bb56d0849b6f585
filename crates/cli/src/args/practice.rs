//! `plimsoll practice …`

use clap::Subcommand;

/// What can be done with the practice cloud.
#[derive(Debug, Subcommand)]
pub enum PracticeVerb {
    /// Starts it; the first time it makes its images, which takes some minutes.
    Start,
    /// How it is, and where its APIs answer.
    Status,
    /// Stops it; its servers and records stay for the next start.
    Stop {
        /// Also remove everything it made: containers, networks, state.
        #[arg(long)]
        wipe: bool,
    },
    /// Makes something go wrong, or mends it.
    #[command(subcommand)]
    Fault(FaultVerb),
    /// Runs in the foreground; `start` calls this.
    #[command(hide = true)]
    Serve,
    /// Runs inside the practice cloud's gateway container, which calls this.
    #[command(hide = true)]
    Gateway,
}

/// What can go wrong on demand.
#[derive(Debug, Subcommand)]
pub enum FaultVerb {
    /// An answer of an API: slow, refused, cut, rate-limited.
    Answer {
        /// Path of the API as a regular expression, such as `^/v2/droplets`.
        path: String,
        /// The fault as JSON, such as `{"kind":"status","status":500}`.
        fault: String,
        /// Only requests of this method.
        #[arg(long)]
        method: Option<String>,
        /// For how many requests; until cleared unless given.
        #[arg(long)]
        times: Option<u64>,
    },
    /// A droplet.
    Droplet {
        /// Its id at the practice cloud.
        id: u64,
        /// The fault as JSON, such as `{"kind":"cut"}` or `{"kind":"mend"}`.
        fault: String,
    },
    /// Mends every answer.
    Clear,
}
