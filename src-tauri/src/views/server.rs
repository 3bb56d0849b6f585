//! Servers, what runs on them, and what is known of them from moment to moment.

use super::{CommandError, HealthView, ProviderAccountId, ServerId, mirror::mirror};
use plimsoll_domain::server::{Server, ServerState, fingerprint};
use plimsoll_engine::{
    Figures, HostKeySeen, Journal, Listed, Losses, Running, Sighting, ports::Firewall,
};
use plimsoll_protocol::{Pruned, ServiceStatus};
use serde::{Deserialize, Serialize};
use specta::Type;

mirror! {
    /// Where a server stands.
    ServerStateView of ServerState {
        /// A job is creating it.
        Provisioning,
        /// It can be deployed to.
        Ready,
        /// It is switched off.
        Off,
        /// It was destroyed.
        Destroyed,
    }
}

mirror! {
    /// Which of a server's own logs.
    JournalView of Journal {
        /// Everything that the system writes down.
        System,
        /// The agent.
        Agent,
        /// Docker.
        Docker,
        /// nginx: requests.
        Requests,
        /// nginx: errors.
        Errors,
    }
}

/// A machine reached by SSH.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ServerView {
    /// Id.
    pub id: ServerId,
    /// Unique among servers.
    pub name: String,
    /// The account that pays for it; none for one that was added.
    pub account_id: Option<ProviderAccountId>,
    /// The provider's id of it.
    pub provider_ref: Option<String>,
    /// Region slug.
    pub region: Option<String>,
    /// Size slug.
    pub size: Option<String>,
    /// Price a month, cents of US dollars.
    pub price_cents_month: Option<u64>,
    /// How SSH reaches it; none until it has an address.
    pub ssh: Option<SshView>,
    /// The reserved address that points at it besides its own.
    pub reserved_ip: Option<String>,
    /// Where it stands.
    pub state: ServerStateView,
    /// Hash of the recipe by which it was prepared.
    pub recipe_hash: Option<String>,
    /// When it was created, RFC 3339.
    pub created_at: String,
}

/// How SSH reaches a server.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct SshView {
    /// IP address or DNS name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Login.
    pub user: String,
    /// `SHA256:…` of the pinned host key.
    pub fingerprint: String,
    /// The proxy on the way there.
    pub proxy: Option<String>,
}

impl From<Server> for ServerView {
    fn from(server: Server) -> Self {
        Self {
            id: server.id.into(),
            name: server.name.to_string(),
            account_id: server.account_id.map(Into::into),
            provider_ref: server.provider_ref,
            region: server.region,
            size: server.size,
            price_cents_month: server.price_cents_month,
            ssh: server.ssh.map(|ssh| SshView {
                fingerprint: fingerprint(&ssh.host_key).unwrap_or_default(),
                host: ssh.host,
                port: ssh.port,
                user: ssh.user,
                proxy: ssh.proxy,
            }),
            reserved_ip: server.reserved_ip,
            state: server.state.into(),
            recipe_hash: server.recipe_hash,
            created_at: server.created_at.to_string(),
        }
    }
}

/// A machine of an account.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct MachineView {
    /// Its name at the provider.
    pub name: String,
    /// The provider's id of it.
    pub provider_ref: String,
    /// Its public address.
    pub address: Option<String>,
    /// Its status in the provider's words.
    pub status: String,
    /// Region slug.
    pub region: String,
    /// Size slug.
    pub size: String,
    /// Price a month, cents of US dollars.
    pub price_cents_month: u64,
    /// Our record of it.
    pub server_id: Option<ServerId>,
    /// Whether it may be deployed to; others are locked.
    pub deployable: bool,
}

impl From<Listed> for MachineView {
    fn from(listed: Listed) -> Self {
        Self {
            name: listed.name,
            provider_ref: listed.provider_ref,
            address: listed.address,
            status: listed.status,
            region: listed.region,
            size: listed.size,
            price_cents_month: listed.price_cents_month,
            server_id: listed.server_id.map(Into::into),
            deployable: listed.deployable,
        }
    }
}

/// A host key as a server showed it, not yet trusted.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct HostKeyView {
    /// The key, to be given back when it was confirmed.
    pub key: String,
    /// `SHA256:…`, to be compared with what the server's owner sees.
    pub fingerprint: String,
    /// The public key that has to be among the server's authorized keys.
    pub login_key: String,
}

impl HostKeyView {
    /// What was seen, and the key that has to be let in.
    pub fn new(seen: HostKeySeen, login_key: String) -> Self {
        Self {
            key: seen.key,
            fingerprint: seen.fingerprint,
            login_key,
        }
    }
}

/// A server at a moment.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FiguresView {
    /// Which server.
    pub server_id: ServerId,
    /// When it was looked at, RFC 3339.
    pub at: String,
    /// How its machine was; none when it did not answer.
    pub machine: Option<MachineFiguresView>,
    /// Why it did not answer.
    pub failure: Option<CommandError>,
}

/// A machine at a moment.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct MachineFiguresView {
    /// Processors.
    pub cpus: u32,
    /// How busy they all were since the last look, in hundredths of a percent.
    pub processor_bp: Option<u32>,
    /// Load over one minute, in hundredths.
    pub load_centi: u32,
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// Memory that could be used, bytes.
    pub memory_available_bytes: u64,
    /// Disk, bytes.
    pub disk_bytes: u64,
    /// Free of it, bytes.
    pub disk_free_bytes: u64,
    /// Since boot, ms.
    pub uptime_ms: u64,
    /// Architecture as Docker names it.
    pub architecture: String,
    /// Version of its Docker engine; empty when it does not answer.
    pub docker_version: String,
    /// Version of its agent.
    pub agent_version: String,
    /// The agent's own memory, bytes.
    pub agent_memory_bytes: u64,
    /// Whether its agent is the one that comes with this program.
    pub agent_current: bool,
}

impl From<Figures> for FiguresView {
    fn from(figures: Figures) -> Self {
        let (machine, failure) = match figures.seen {
            Sighting::Well {
                machine,
                processor_bp,
                agent_version,
                agent_current,
            } => (
                Some(MachineFiguresView {
                    cpus: machine.cpus,
                    processor_bp,
                    load_centi: machine.load_centi,
                    memory_bytes: machine.memory_bytes,
                    memory_available_bytes: machine.memory_available_bytes,
                    disk_bytes: machine.disk_bytes,
                    disk_free_bytes: machine.disk_free_bytes,
                    uptime_ms: machine.uptime_ms,
                    architecture: machine.architecture,
                    docker_version: machine.docker_version,
                    agent_version,
                    agent_memory_bytes: machine.agent_memory_bytes,
                    agent_current,
                }),
                None,
            ),
            Sighting::Away { failure } => (None, Some(failure.into())),
        };
        Self {
            server_id: figures.server_id.into(),
            at: figures.at.to_string(),
            machine,
            failure,
        }
    }
}

/// What runs on a server at a moment, or why that cannot be told.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct RunningView {
    /// The containers of its services.
    pub containers: Vec<ContainerView>,
    /// Why it did not answer.
    pub failure: Option<CommandError>,
}

/// A service's container on a server.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ContainerView {
    /// Docker's name of it; none when there is none.
    pub name: Option<String>,
    /// Name of the project.
    pub project: String,
    /// Name of the environment.
    pub environment: String,
    /// Name of the service.
    pub service: String,
    /// How it is.
    pub health: HealthView,
    /// Its image, by tag.
    pub image: Option<String>,
    /// Restarts since it was deployed.
    pub restarts: u32,
    /// Names it answers for.
    pub hosts: Vec<String>,
    /// Memory in use, bytes.
    pub memory_bytes: Option<u64>,
    /// How much of one processor it used since the last look, in hundredths of a percent.
    pub processor_bp: Option<u32>,
    /// How many releases can be rolled back to.
    pub kept: u32,
}

impl From<Running> for RunningView {
    fn from(running: Running) -> Self {
        Self {
            containers: running.services.into_iter().map(Into::into).collect(),
            failure: None,
        }
    }
}

impl From<(ServiceStatus, Option<u32>)> for ContainerView {
    fn from((status, processor_bp): (ServiceStatus, Option<u32>)) -> Self {
        Self {
            name: status.container,
            project: status.key.project.to_string(),
            environment: status.key.environment.to_string(),
            service: status.key.service.to_string(),
            health: status.health.into(),
            image: status.image.map(|image| image.name().to_owned()),
            restarts: status.restarts,
            hosts: status.hosts,
            memory_bytes: status.memory_bytes,
            processor_bp,
            kept: u32::try_from(status.kept.len()).unwrap_or(u32::MAX),
        }
    }
}

/// What a clean-up frees, or has freed.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct PrunedView {
    /// Tags of the images.
    pub tags: Vec<String>,
    /// Bytes.
    pub freed_bytes: u64,
}

impl From<Pruned> for PrunedView {
    fn from(pruned: Pruned) -> Self {
        Self {
            tags: pruned.tags,
            freed_bytes: pruned.freed_bytes,
        }
    }
}

/// The firewall before a server at its provider.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FirewallView {
    /// Its name.
    pub name: String,
    /// TCP ports open to everybody; the rest is dropped.
    pub open_tcp_ports: Vec<u16>,
}

impl From<Firewall> for FirewallView {
    fn from(firewall: Firewall) -> Self {
        Self {
            name: firewall.name,
            open_tcp_ports: firewall.open_tcp_ports,
        }
    }
}

/// What would be lost with a server.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct LossesView {
    /// The name that has to be typed.
    pub name: String,
    /// Whether a rented machine goes with its disk; otherwise the server is only forgotten.
    pub is_machine: bool,
    /// Whether its disk can be kept as a snapshot first.
    pub can_snapshot: bool,
    /// Whether the typed name has to go along as a force.
    pub takes_force: bool,
    /// What is not paid any more, cents of US dollars a month.
    pub price_cents_month: Option<u64>,
    /// Services that run nowhere afterwards.
    pub services: Vec<String>,
    /// Services that go on elsewhere.
    pub services_elsewhere: Vec<String>,
    /// Volumes on it.
    pub volumes: Vec<String>,
    /// Names that nothing answers for afterwards.
    pub domains: Vec<String>,
    /// The reserved address that is given back.
    pub reserved_ip: Option<String>,
}

impl From<Losses> for LossesView {
    fn from(losses: Losses) -> Self {
        Self {
            name: losses.name,
            is_machine: losses.is_machine,
            can_snapshot: losses.can_snapshot,
            takes_force: losses.takes_force,
            price_cents_month: losses.price_cents_month,
            services: losses.services,
            services_elsewhere: losses.services_elsewhere,
            volumes: losses.volumes,
            domains: losses.domains,
            reserved_ip: losses.reserved_ip,
        }
    }
}
