//! `plimsoll data …`

use clap::Subcommand;
use std::path::PathBuf;

/// What can be done with everything that is kept on this machine.
#[derive(Debug, Subcommand)]
pub enum DataVerb {
    /// Where it is, how large, and which backups there are.
    Location,
    /// Writes everything, secrets included, into one file sealed with a passphrase. The passphrase
    /// is read from standard input, or asked for.
    Export {
        /// The file.
        file: PathBuf,
        /// Read the passphrase from this file.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Puts everything from such a file in place of what is there, which is kept as an export of
    /// its own, sealed with the same passphrase. Versions that were saved on this machine and that
    /// the file does not know are listed again.
    Restore {
        /// The file.
        file: PathBuf,
        /// Read the passphrase from this file.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Writes what a helper needs to know, without any secret, as tar.zst.
    Diagnostics {
        /// The file.
        file: PathBuf,
    },
}
