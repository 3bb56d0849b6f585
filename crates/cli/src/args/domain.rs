//! `plimsoll domain …`

use super::Approval;
use clap::Subcommand;

/// What can be done with domains.
#[derive(Debug, Subcommand)]
pub enum DomainVerb {
    /// Routes a name to a service, with HTTPS.
    Add {
        /// The name, such as `app.example.com`.
        host: String,
        /// `project/environment/service`.
        #[arg(long)]
        to: String,
        /// Name of the Cloudflare account that keeps the zone.
        #[arg(long)]
        account: String,
        /// Replace a record that is not ours: repeat its content.
        #[arg(long, value_name = "CONTENT")]
        replace: Option<String>,
        #[command(flatten)]
        approval: Approval,
    },
    /// All domains, with their certificates' expiry.
    List,
    /// Takes a name off its service and removes our records.
    Remove {
        /// The name.
        host: String,
        #[command(flatten)]
        approval: Approval,
    },
    /// Looks at a name as its users do: resolves it, asks for it, verifies its certificate.
    Check {
        /// The name.
        host: String,
        /// Path to ask for.
        #[arg(long, default_value = "/")]
        path: String,
    },
    /// Zones of a Cloudflare account.
    Zones {
        /// Name of the account.
        #[arg(long)]
        account: String,
    },
}
