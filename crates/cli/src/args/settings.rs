//! `plimsoll settings …`

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub enum SettingsVerb {
    /// What is preferred on this device.
    Show,
    /// Changes what is given of it.
    Set(SettingsArguments),
    /// Writes the settings of this device and of every project to a file.
    Export {
        /// The file.
        file: PathBuf,
    },
    /// Takes over the settings of a file.
    Import {
        /// The file.
        file: PathBuf,
    },
}

/// What may be changed; what is not given stays.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct SettingsArguments {
    /// Dark or light.
    #[arg(long)]
    pub theme: Option<ThemeArgument>,
    /// How much may move in the window.
    #[arg(long)]
    pub motion: Option<MotionArgument>,
    /// Size of the editor's letters, px.
    #[arg(long, value_name = "PX")]
    pub font_size: Option<u32>,
    /// How many columns a tab takes.
    #[arg(long, value_name = "COLUMNS")]
    pub tab_width: Option<u32>,
    /// What a new text is indented with.
    #[arg(long)]
    pub indent: Option<IndentArgument>,
    /// Whether long lines go on below.
    #[arg(long, value_name = "true|false")]
    pub wrap: Option<bool>,
    /// Whether the lines are numbered.
    #[arg(long, value_name = "true|false")]
    pub line_numbers: Option<bool>,
    /// Whether a bracket or quote that is opened is closed at once.
    #[arg(long, value_name = "true|false")]
    pub close_brackets: Option<bool>,
    /// Largest text that is opened and searched, bytes.
    #[arg(long, value_name = "BYTES")]
    pub text_bytes: Option<u64>,
    /// What becomes of the services that the window has started on this machine when it is quit.
    #[arg(long)]
    pub at_quit: Option<AtQuitArgument>,
}

/// What becomes of what runs here.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AtQuitArgument {
    /// Somebody is asked each time.
    Ask,
    /// It is stopped; its data stays.
    Stop,
    /// It goes on.
    Leave,
}

/// Dark or light.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ThemeArgument {
    /// As the system is set.
    System,
    /// Always dark.
    Dark,
    /// Always light.
    Light,
}

/// How much may move.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum MotionArgument {
    /// As the system is set.
    System,
    /// Nothing moves.
    Reduced,
}

/// What a new text is indented with.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum IndentArgument {
    /// A tab.
    Tabs,
    /// As many spaces as a tab takes columns.
    Spaces,
}
