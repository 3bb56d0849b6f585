//! The closed set of what a step can do. Steps are stored, so every variant carries all that it
//! needs to be done, and done again, after a restart; never a secret.

use crate::{deploy::DeployAction, domains::DomainAction, runs::RunAction, servers::ServerAction};
use serde::{Deserialize, Serialize};

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "noun", content = "act", rename_all = "snake_case")]
pub enum Action {
    /// Something to a server or its provider.
    Server(ServerAction),
    /// Something to a service on its servers.
    Deploy(DeployAction),
    /// Something to a name.
    Domain(DomainAction),
    /// Something on this machine's Docker.
    Run(RunAction),
}

impl From<ServerAction> for Action {
    fn from(action: ServerAction) -> Self {
        Action::Server(action)
    }
}
impl From<DeployAction> for Action {
    fn from(action: DeployAction) -> Self {
        Action::Deploy(action)
    }
}
impl From<RunAction> for Action {
    fn from(action: RunAction) -> Self {
        Action::Run(action)
    }
}
impl From<DomainAction> for Action {
    fn from(action: DomainAction) -> Self {
        Action::Domain(action)
    }
}
