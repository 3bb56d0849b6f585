//! Servers: provisioned, adopted, prepared, kept and destroyed.

mod adopt;
mod base;
mod contact;
mod create;
mod destroy;
mod figures;
mod firewall;
mod images;
mod journal;
mod list;
mod loss;
mod offers;
mod power;
mod prepare;
mod provision;
mod reserved;
mod terminal;

pub use adopt::{AdoptRequest, HostKeySeen};
pub use base::{BaseSnapshotRequest, BaseSnapshotState};
pub use destroy::{DestroyRequest, DestroyTarget};
pub use figures::{Figures, Running, Sighting};
pub use images::{DeleteSnapshotRequest, SnapshotState};
pub use journal::Journal;
pub use list::Listed;
pub use loss::Losses;
pub use power::{PowerRequest, SnapshotRequest};
pub use provision::{ImageChoice, ProvisionRequest};
pub use terminal::{Ending, Terminal, Viewer};

pub(crate) use adopt::observe as observe_adopt;
pub(crate) use base::{observe_base, observe_delete as observe_delete_base};
pub(crate) use contact::pause;
pub(crate) use create::one_time_entry;
pub(crate) use destroy::observe as observe_destroy;
pub(crate) use images::observe as observe_delete_snapshot;
pub(crate) use power::observe as observe_server;
pub(crate) use provision::observe as observe_provision;
pub(crate) use reserved::observe as observe_reserved;

use crate::{
    jobs::StepContext,
    ports::{Output, PortError, PortResult},
    world::World,
};
use plimsoll_domain::{
    ProviderAccountId, ServerId, SnapshotId, SshKeyId,
    recipe::Recipe,
    server::{Provider, ProviderAccount, Server, SshTarget},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a step does to a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ServerAction {
    /// Writes the server down, so that it is seen while it comes to be.
    Record {
        /// As it is at first.
        server: Box<Server>,
    },
    /// Makes sure that the provider knows our public key.
    RegisterKey {
        /// The account.
        account_id: ProviderAccountId,
        /// Which key.
        key_id: SshKeyId,
    },
    /// Creates the machine.
    Create {
        /// Which server.
        server_id: ServerId,
        /// The key that may log in.
        key_id: SshKeyId,
        /// The step that registered the key.
        key_step: u32,
        /// Image slug or snapshot id.
        image: String,
        /// Tags besides the ones that mark it as ours.
        tags: Vec<String>,
    },
    /// Waits until the machine runs and has an address.
    AwaitAddress {
        /// Which server.
        server_id: ServerId,
        /// The key that may log in.
        key_id: SshKeyId,
    },
    /// Waits for SSH and makes the host key that will replace the one-time one.
    MakeHostKey {
        /// Which server.
        server_id: ServerId,
    },
    /// Puts that key in place and pins it.
    PinHostKey {
        /// Which server.
        server_id: ServerId,
        /// The step that made it.
        key_step: u32,
    },
    /// Waits until cloud-init has finished.
    AwaitCloudInit {
        /// Which server.
        server_id: ServerId,
    },
    /// Logs in and looks what kind of machine it is.
    Inspect {
        /// Which server.
        server_id: ServerId,
    },
    /// Carries out the recipe.
    Prepare {
        /// Which server.
        server_id: ServerId,
        /// How.
        recipe: Box<Recipe>,
    },
    /// Installs or upgrades the agent.
    InstallAgent {
        /// Which server.
        server_id: ServerId,
    },
    /// Puts a firewall before it at its provider.
    Protect {
        /// Which server.
        server_id: ServerId,
        /// Open TCP ports.
        ports: Vec<u16>,
    },
    /// Notes that it can be deployed to.
    MarkReady {
        /// Which server.
        server_id: ServerId,
        /// The recipe by which it was prepared.
        recipe_hash: String,
    },
    /// Reboots and waits until SSH answers again.
    Reboot {
        /// Which server.
        server_id: ServerId,
    },
    /// Switches on or off.
    Power {
        /// Which server.
        server_id: ServerId,
        /// To which state.
        on: bool,
    },
    /// Takes a disk image at the provider.
    Snapshot {
        /// The account that keeps it.
        account_id: ProviderAccountId,
        /// Which server.
        server_id: ServerId,
        /// Unique name of the image.
        name: String,
    },
    /// Writes down which reserved addresses there are, so that a new one is known afterwards.
    NoteAddresses {
        /// The account.
        account_id: ProviderAccountId,
    },
    /// Reserves an address and points it at the machine.
    ReserveIp {
        /// Which server.
        server_id: ServerId,
        /// The step that wrote down which addresses there were.
        noted_step: u32,
    },
    /// Gives a reserved address back.
    ReleaseIp {
        /// The account.
        account_id: ProviderAccountId,
        /// Which server.
        server_id: ServerId,
        /// The address.
        ip: String,
    },
    /// Destroys the machine at its provider.
    Destroy {
        /// The account.
        account_id: ProviderAccountId,
        /// The provider's id of the machine.
        provider_ref: String,
        /// The name that a force gives.
        force: Option<String>,
    },
    /// Removes the firewall that was put before it.
    Unprotect {
        /// The account.
        account_id: ProviderAccountId,
        /// Its name.
        firewall: String,
    },
    /// Notes that a server is no more.
    Retire {
        /// Which server.
        server_id: ServerId,
    },
    /// Destroys a machine that the same plan created, found by its own tag.
    Dismiss {
        /// Which server.
        server_id: ServerId,
    },
    /// Removes everything that makes the machine different from another of the same recipe.
    ForgetIdentity {
        /// Which server.
        server_id: ServerId,
    },
    /// Writes the base snapshot down.
    RecordBase {
        /// Its id with us.
        snapshot_id: SnapshotId,
        /// The account that keeps it.
        account_id: ProviderAccountId,
        /// Name of the image at the provider.
        name: String,
        /// The recipe by which it was made.
        recipe_hash: String,
    },
    /// Deletes a base snapshot, at the provider and here.
    DeleteBase {
        /// Which one.
        snapshot_id: SnapshotId,
    },
    /// Deletes another disk image at the provider.
    DeleteSnapshot {
        /// The account that keeps it.
        account_id: ProviderAccountId,
        /// The provider's id of it.
        snapshot_ref: String,
        /// Its name.
        name: String,
    },
}

impl ServerAction {
    /// What is there already, where a step that was cut off may have done its work.
    pub(crate) async fn observe(
        &self,
        world: &World,
        context: &StepContext,
    ) -> PortResult<Option<Value>> {
        match self {
            ServerAction::PinHostKey {
                server_id,
                key_step,
            } if context.attempt > 0 => {
                contact::host_key_pinned(world, context, *server_id, *key_step).await
            }
            ServerAction::Snapshot {
                account_id, name, ..
            } if context.attempt > 0 => power::snapshot_taken(world, *account_id, name).await,
            ServerAction::RecordBase { snapshot_id, .. } => {
                base::recorded(world, *snapshot_id).await
            }
            // The others find out by themselves what is left to do: each may be done twice.
            _ => Ok(None),
        }
    }

    pub(crate) async fn act(&self, world: &World, context: &StepContext) -> PortResult<Value> {
        match self {
            ServerAction::Record { server } => create::record(world, server).await,
            ServerAction::RegisterKey { account_id, key_id } => {
                create::register_key(world, *account_id, *key_id).await
            }
            ServerAction::Create {
                server_id,
                key_id,
                key_step,
                image,
                tags,
            } => {
                let key_ref = create::key_ref(context, *key_step)?;
                create::create(world, *server_id, *key_id, key_ref, image, tags).await
            }
            ServerAction::AwaitAddress { server_id, key_id } => {
                create::await_address(world, context, *server_id, *key_id).await
            }
            ServerAction::MakeHostKey { server_id } => {
                contact::make_host_key(world, context, *server_id).await
            }
            ServerAction::PinHostKey {
                server_id,
                key_step,
            } => contact::pin_host_key(world, context, *server_id, *key_step).await,
            ServerAction::AwaitCloudInit { server_id } => {
                contact::await_cloud_init(world, context, *server_id).await
            }
            ServerAction::Inspect { server_id } => adopt::inspect(world, *server_id).await,
            ServerAction::Prepare { server_id, recipe } => {
                prepare::prepare(world, context, *server_id, recipe).await
            }
            ServerAction::InstallAgent { server_id } => {
                prepare::install_agent(world, *server_id).await
            }
            ServerAction::Protect { server_id, ports } => {
                prepare::protect(world, *server_id, ports).await
            }
            ServerAction::MarkReady {
                server_id,
                recipe_hash,
            } => prepare::mark_ready(world, *server_id, recipe_hash).await,
            ServerAction::Reboot { server_id } => power::reboot(world, context, *server_id).await,
            ServerAction::Power { server_id, on } => {
                power::switch(world, context, *server_id, *on).await
            }
            ServerAction::Snapshot {
                server_id, name, ..
            } => power::snapshot(world, *server_id, name).await,
            ServerAction::NoteAddresses { account_id } => {
                reserved::note_all(world, *account_id).await
            }
            ServerAction::ReserveIp {
                server_id,
                noted_step,
            } => reserved::reserve(world, context, *server_id, *noted_step).await,
            ServerAction::ReleaseIp {
                account_id,
                server_id,
                ip,
            } => reserved::release(world, *account_id, *server_id, ip).await,
            ServerAction::Destroy {
                account_id,
                provider_ref,
                force,
            } => destroy::destroy(world, *account_id, provider_ref, force.as_deref()).await,
            ServerAction::Unprotect {
                account_id,
                firewall,
            } => destroy::unprotect(world, *account_id, firewall).await,
            ServerAction::Retire { server_id } => destroy::retire(world, *server_id).await,
            ServerAction::Dismiss { server_id } => {
                create::uncreate(world, *server_id).await?;
                destroy::retire(world, *server_id).await
            }
            ServerAction::ForgetIdentity { server_id } => {
                base::forget_identity(world, *server_id).await
            }
            ServerAction::RecordBase {
                snapshot_id,
                account_id,
                name,
                recipe_hash,
            } => base::record(world, *snapshot_id, *account_id, name, recipe_hash).await,
            ServerAction::DeleteBase { snapshot_id } => base::delete(world, *snapshot_id).await,
            ServerAction::DeleteSnapshot {
                account_id,
                snapshot_ref,
                name,
            } => images::delete(world, *account_id, snapshot_ref, name).await,
        }
    }

    pub(crate) async fn undo(
        &self,
        world: &World,
        context: &StepContext,
        output: Option<&Value>,
    ) -> PortResult<()> {
        match self {
            ServerAction::Record { server } => create::unrecord(world, server.id).await,
            ServerAction::Create { server_id, .. } => create::uncreate(world, *server_id).await,
            ServerAction::Protect { server_id, .. } => prepare::unprotect(world, *server_id).await,
            ServerAction::Power { server_id, on } => power::unswitch(world, *server_id, !on).await,
            ServerAction::Snapshot {
                account_id, name, ..
            } => power::delete_snapshot(world, *account_id, name).await,
            ServerAction::RecordBase { snapshot_id, .. } => {
                base::unrecord(world, *snapshot_id).await
            }
            ServerAction::MarkReady { server_id, .. } => {
                prepare::unmark(world, *server_id, output).await
            }
            ServerAction::ReserveIp {
                server_id,
                noted_step,
            } => reserved::unreserve(world, context, *server_id, *noted_step, output).await,
            // These leave nothing that outlives the machine, or cannot be taken back; their plans
            // say so.
            ServerAction::RegisterKey { .. }
            | ServerAction::AwaitAddress { .. }
            | ServerAction::MakeHostKey { .. }
            | ServerAction::PinHostKey { .. }
            | ServerAction::AwaitCloudInit { .. }
            | ServerAction::Inspect { .. }
            | ServerAction::Prepare { .. }
            | ServerAction::InstallAgent { .. }
            | ServerAction::Reboot { .. }
            | ServerAction::NoteAddresses { .. }
            | ServerAction::ReleaseIp { .. }
            | ServerAction::Destroy { .. }
            | ServerAction::Unprotect { .. }
            | ServerAction::Retire { .. }
            | ServerAction::Dismiss { .. }
            | ServerAction::ForgetIdentity { .. }
            | ServerAction::DeleteBase { .. }
            | ServerAction::DeleteSnapshot { .. } => Ok(()),
        }
    }
}

/// The tag that finds a machine again after a crash: no other machine carries it.
pub(crate) fn unique_tag(server: ServerId) -> String {
    format!("plimsoll-{server}")
}

/// The name of a server's firewall at its provider.
pub(crate) fn firewall_name(server: &Server) -> String {
    format!("plimsoll-{}-{}", server.name, &server.id.to_string()[..8])
}

/// The account that pays for a server, and the provider's id of it.
pub(crate) async fn rented(
    world: &World,
    server: &Server,
) -> PortResult<Option<(ProviderAccount, u64)>> {
    let (Some(account_id), Some(provider_ref)) = (server.account_id, &server.provider_ref) else {
        return Ok(None);
    };
    let account = world
        .account(account_id, Provider::Digitalocean)
        .await
        .map_err(PortError::from)?;
    Ok(Some((account, droplet_id(provider_ref)?)))
}

pub(crate) fn droplet_id(provider_ref: &str) -> PortResult<u64> {
    provider_ref.parse().map_err(|_| {
        PortError::new(
            "internal",
            format!("“{provider_ref}” is no id of a machine at DigitalOcean."),
        )
    })
}

/// Runs a command as root that has to succeed. `what` completes “Could not …”.
pub(crate) async fn run(
    world: &World,
    target: &SshTarget,
    argv: &[&str],
    what: &str,
) -> PortResult<Output> {
    let output = world.ports.servers.run(target, argv, None, true).await?;
    if output.ok() {
        return Ok(output);
    }
    let mut failure = PortError::new(
        "remote_command",
        format!("Could not {what} on {}.", target.host),
    )
    .evidence(format!(
        "{} ended with {}",
        argv.first().copied().unwrap_or_default(),
        output
            .status
            .map_or("a signal".to_owned(), |status| format!("status {status}"))
    ))
    .next_step("Look at the lines above, mend the cause on the server, and try again.");
    for line in output.complaint() {
        failure = failure.evidence(line);
    }
    Err(failure)
}
