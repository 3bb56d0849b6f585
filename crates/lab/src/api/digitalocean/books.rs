//! DigitalOcean's records.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ground::{Addresses, Boot, PowerAction};

/// A DigitalOcean team, which the API calls the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DigitalOceanAccount {
    pub(crate) uuid: String,
    pub(crate) team_uuid: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) project_id: String,
    pub(crate) vpc_uuid: String,
    pub(crate) droplet_limit: usize,
    pub(crate) reserved_ip_limit: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SshKey {
    pub(crate) id: u64,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) public_key: String,
    /// MD5 of the key blob, colons between the bytes.
    pub(crate) fingerprint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DropletStatus {
    New,
    Active,
    Off,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Droplet {
    pub(crate) id: u64,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) size: String,
    pub(crate) boot: Boot,
    pub(crate) status: DropletStatus,
    pub(crate) created_at: Timestamp,
    /// A request for it answers 404 until then.
    pub(crate) shown_at: Timestamp,
    /// When it first became active; addresses appear some time later.
    pub(crate) active_at: Option<Timestamp>,
    pub(crate) addresses: Option<Addresses>,
    pub(crate) tags: Vec<String>,
    pub(crate) features: Vec<String>,
    pub(crate) public_keys: Vec<String>,
    pub(crate) user_data: String,
    pub(crate) vpc_uuid: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ActionStatus {
    InProgress,
    Completed,
    Errored,
}

impl ActionStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Errored => "errored",
        }
    }
}

/// What an action does; enough to carry it on after a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    Create,
    Power(PowerAction),
    Snapshot { image_id: u64 },
    Rebuild { boot: Boot },
    Restore { boot: Boot },
    Rename { name: String },
    AssignIp { ip: String, droplet_id: u64 },
    UnassignIp { ip: String },
}

impl Work {
    /// The name the API gives this type of action.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Power(PowerAction::On) => "power_on",
            Self::Power(PowerAction::Off) => "power_off",
            Self::Power(PowerAction::Shutdown) => "shutdown",
            Self::Power(PowerAction::Reboot) => "reboot",
            Self::Power(PowerAction::Cycle) => "power_cycle",
            Self::Snapshot { .. } => "snapshot",
            Self::Rebuild { .. } => "rebuild",
            Self::Restore { .. } => "restore",
            Self::Rename { .. } => "rename",
            Self::AssignIp { .. } => "assign_ip",
            Self::UnassignIp { .. } => "unassign_ip",
        }
    }

    /// The reserved address it is about.
    pub(crate) fn reserved_ip(&self) -> Option<&String> {
        match self {
            Self::AssignIp { ip, .. } | Self::UnassignIp { ip } => Some(ip),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Action {
    pub(crate) id: u64,
    pub(crate) account: String,
    pub(crate) work: Work,
    pub(crate) status: ActionStatus,
    pub(crate) started_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    /// The droplet, or the reserved address as a number.
    pub(crate) resource_id: u64,
    /// `droplet` or `reserved_ip`.
    pub(crate) resource_type: String,
    pub(crate) region: String,
}

impl Action {
    /// The droplet that is busy with it.
    pub(crate) fn droplet(&self) -> Option<u64> {
        match &self.work {
            Work::AssignIp { droplet_id, .. } => Some(*droplet_id),
            Work::UnassignIp { .. } => None,
            _ => Some(self.resource_id),
        }
    }
}

/// A snapshot of a droplet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: u64,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) droplet_id: u64,
    pub(crate) regions: Vec<String>,
    pub(crate) min_disk_gb: u64,
    pub(crate) size_bytes: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) tags: Vec<String>,
    /// False while the copy is being made; then no list shows it.
    pub(crate) available: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tag {
    pub(crate) account: String,
    pub(crate) name: String,
}

/// Where a firewall rule lets traffic come from or go to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Peers {
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses: Vec<String>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) droplet_ids: Vec<u64>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) load_balancer_uids: Vec<String>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) kubernetes_ids: Vec<String>,
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
}

/// A list, where `null` is an empty one.
pub(super) fn nullable<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<Vec<T>>::deserialize(from).map(Option::unwrap_or_default)
}

/// Reads from an object only: a derived struct can also be read from a list of its fields.
fn object<'de, D: Deserializer<'de>>(from: D) -> Result<Peers, D::Error> {
    let fields = serde_json::Map::deserialize(from)?;
    serde_json::from_value(fields.into()).map_err(serde::de::Error::custom)
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inbound {
    pub(crate) protocol: String,
    #[serde(default)]
    pub(crate) ports: String,
    #[serde(deserialize_with = "object")]
    pub(crate) sources: Peers,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outbound {
    pub(crate) protocol: String,
    #[serde(default)]
    pub(crate) ports: String,
    #[serde(deserialize_with = "object")]
    pub(crate) destinations: Peers,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Firewall {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) name: String,
    /// `waiting`, `succeeded` or `failed`.
    pub(crate) status: String,
    pub(crate) created_at: Timestamp,
    pub(crate) droplet_ids: Vec<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) inbound: Vec<Inbound>,
    pub(crate) outbound: Vec<Outbound>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReservedIp {
    pub(crate) ip: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) droplet_id: Option<u64>,
}
