//! `plimsoll account …` and `plimsoll key …`

use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

/// A provider.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ProviderChoice {
    /// Servers.
    Digitalocean,
    /// DNS and certificates.
    Cloudflare,
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountVerb {
    /// Verifies a token and keeps it in the keychain. The token is read from standard input, or
    /// asked for; it never stands on the command line.
    Connect {
        /// Which provider.
        provider: ProviderChoice,
        /// Name of the account here; the provider's name unless given.
        #[arg(long)]
        name: Option<String>,
        /// Read the token from this file.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Connect the running practice cloud: its token is found by itself.
        #[arg(long, conflicts_with = "token_file")]
        practice: bool,
    },
    /// All accounts.
    List,
    /// Asks the provider again whose token it is and what it may do.
    Test {
        /// Name of the account.
        name: String,
    },
    /// Puts a new token in the place of the old one, after verifying it.
    Replace {
        /// Name of the account.
        name: String,
        /// Read the token from this file.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// Forgets an account and its token.
    Disconnect {
        /// Name of the account.
        name: String,
    },
    /// Sizes and regions that servers can have, with prices.
    Offers {
        /// Name of a DigitalOcean account.
        name: String,
    },
}

/// What can be done with SSH keys.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// All keys, public halves.
    List,
}
