//! `plimsoll server …` and `plimsoll snapshot …`

use super::Approval;
use clap::{Args, Subcommand, ValueEnum};

/// What can be done with servers.
#[derive(Debug, Subcommand)]
pub enum ServerVerb {
    /// Creates one at DigitalOcean and prepares it.
    Provision(ProvisionArguments),
    /// Takes one that you have, over SSH.
    Add {
        /// Name of the server here.
        name: String,
        /// Address, as `user@host` or `user@host:port`.
        address: String,
        /// The host key's fingerprint that you expect; asked for unless given.
        #[arg(long)]
        fingerprint: Option<String>,
        /// Reach it through this proxy, `socks5h://host:port`.
        #[arg(long, value_name = "URL")]
        proxy: Option<String>,
        #[command(flatten)]
        approval: Approval,
    },
    /// All servers; with an account also its other machines, which are locked.
    List {
        /// Name of a DigitalOcean account.
        #[arg(long)]
        account: Option<String>,
    },
    /// One server, as it is now.
    Show {
        /// Name of the server.
        name: String,
    },
    /// Brings one up to today's recipe: packages, settings, agent.
    Prepare {
        /// Name of the server.
        name: String,
        #[command(flatten)]
        approval: Approval,
    },
    /// Reboots one.
    Reboot {
        /// Name of the server.
        name: String,
    },
    /// Switches one on or off.
    Power {
        /// Name of the server.
        name: String,
        /// Which.
        to: Power,
    },
    /// Takes a snapshot of one at its provider.
    Snapshot {
        /// Name of the server.
        name: String,
        /// Name of the snapshot.
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        approval: Approval,
    },
    /// The reserved address of one, which stays when the machine behind it goes.
    Ip {
        #[command(subcommand)]
        verb: IpVerb,
    },
    /// Destroys one at its provider. Only those tagged `deployed-via-api` unless forced by name.
    Destroy {
        /// Name of the server.
        name: String,
        /// It is a machine of this account that Plimsoll does not keep.
        #[arg(long)]
        account: Option<String>,
        /// Destroy it although we did not create it: repeat its name.
        #[arg(long, value_name = "NAME")]
        force: Option<String>,
        #[command(flatten)]
        approval: Approval,
    },
    /// Images that nothing rolls back to: shows what a clean-up frees, and removes them.
    Prune {
        /// Name of the server.
        name: String,
        /// Remove them.
        #[arg(long)]
        remove: bool,
    },
}

/// What can be done with a server's reserved address.
#[derive(Debug, Subcommand)]
pub enum IpVerb {
    /// Reserves an address and points it at the server.
    Reserve {
        /// Name of the server.
        name: String,
        #[command(flatten)]
        approval: Approval,
    },
    /// Gives it back.
    Release {
        /// Name of the server.
        name: String,
        #[command(flatten)]
        approval: Approval,
    },
}

/// On or off.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Power {
    /// Switch it on.
    On,
    /// Switch it off.
    Off,
}

/// What a new server is to be.
#[derive(Debug, Args)]
pub struct ProvisionArguments {
    /// Name of the server.
    pub name: String,
    /// Name of the DigitalOcean account.
    #[arg(long)]
    pub account: String,
    /// Region slug.
    #[arg(long)]
    pub region: String,
    /// Size slug.
    #[arg(long)]
    pub size: String,
    /// Boot from this image slug or snapshot id instead of the current base snapshot or stock
    /// image.
    #[arg(long)]
    pub image: Option<String>,
    /// Further tags.
    #[arg(long = "tag")]
    pub tags: Vec<String>,
    /// Further TCP ports to open besides 22, 80 and 443.
    #[arg(long = "open", value_name = "PORT")]
    pub open_ports: Vec<u16>,
    #[command(flatten)]
    pub approval: Approval,
}

/// What can be done with base snapshots.
#[derive(Debug, Subcommand)]
pub enum SnapshotVerb {
    /// Builds one by today's recipe.
    Build {
        /// Name of the DigitalOcean account.
        #[arg(long)]
        account: String,
        /// Region slug.
        #[arg(long)]
        region: String,
        /// Size slug of the server that builds it.
        #[arg(long)]
        size: String,
        #[command(flatten)]
        approval: Approval,
    },
    /// All base snapshots; outdated ones are marked.
    List,
    /// All disk images of an account, base snapshots or not.
    ListAll {
        /// Name of the DigitalOcean account.
        #[arg(long)]
        account: String,
    },
    /// Deletes a disk image that is no base snapshot, such as one of a server.
    DeleteImage {
        /// The provider's id of it, as listed.
        id: String,
        /// Name of the DigitalOcean account.
        #[arg(long)]
        account: String,
        /// Its name, repeated: what is on it cannot be brought back.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        approval: Approval,
    },
    /// Deletes one at its provider.
    Delete {
        /// Its id, as listed.
        id: String,
        #[command(flatten)]
        approval: Approval,
    },
}
