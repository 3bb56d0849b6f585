//! The firewall that stands before a rented server at its provider.

use super::{firewall_name, rented};
use crate::{Engine, Result, ports::Firewall};
use plimsoll_domain::{ServerId, server::Server};

impl Engine {
    /// The firewall that we put before a server; `None` where its provider has none of ours.
    pub async fn firewall(&self, server_id: ServerId) -> Result<Option<Firewall>> {
        let server = self.world.store.need::<Server>(&server_id).await?;
        let Some((account, _)) = rented(&self.world, &server).await? else {
            return Ok(None);
        };
        let name = firewall_name(&server);
        let all = self.world.ports.compute.firewalls(&account).await?;
        Ok(all.into_iter().find(|firewall| firewall.name == name))
    }
}
