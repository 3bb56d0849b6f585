//! `plimsoll canvas …`

use super::OfProject;
use clap::{Args, Subcommand};

/// What can be done with the pages of a project that are previewed as they are written.
#[derive(Debug, Subcommand)]
pub enum CanvasVerb {
    /// The canvases of a project: the main one in `.canvas`, others in `.canvases/<name>`.
    List {
        #[command(flatten)]
        project: OfProject,
    },
    /// Writes the page that a canvas begins with.
    Create {
        #[command(flatten)]
        which: OfCanvas,
    },
    /// Shows a canvas to a browser on this machine and repaints it whenever a file is saved, until
    /// it is interrupted.
    Serve {
        #[command(flatten)]
        which: OfCanvas,
        /// The port on 127.0.0.1; one that is free when none is given.
        #[arg(long, default_value_t = 0, value_name = "PORT")]
        port: u16,
    },
    /// Lets a canvas reach these hosts, and no others.
    Allow {
        #[command(flatten)]
        which: OfCanvas,
        /// Hosts such as fonts.example.com or localhost:3000; none cuts the canvas off.
        #[arg(value_name = "HOST")]
        hosts: Vec<String>,
    },
    /// Makes a static service of a canvas, and deploys it where an environment is named.
    Publish {
        #[command(flatten)]
        which: OfCanvas,
        /// Deploy it to this environment of the project.
        #[arg(long, value_name = "NAME")]
        environment: Option<String>,
        /// Deploy it without asking.
        #[arg(long, short = 'y', requires = "environment")]
        yes: bool,
        /// Answer as soon as the deployment is queued instead of watching it.
        #[arg(long, requires = "environment")]
        detach: bool,
    },
}

/// Which canvas.
#[derive(Debug, Args)]
pub struct OfCanvas {
    #[command(flatten)]
    pub project: OfProject,
    /// Name of the canvas.
    #[arg(long, default_value = "main", value_name = "NAME")]
    pub canvas: String,
}
