//! Reserved addresses: they belong to the lab and point at a droplet, or at none.

use std::net::Ipv4Addr;

use super::{Inner, network};
use crate::error::LabError;
use crate::ground::PowerState;

impl Inner {
    pub(super) fn reserve(&self) -> Result<String, LabError> {
        let address = self.book.write(|pages| {
            let address = pages.addresses.take_reserved(self.block)?;
            pages.reserved.insert(address, None);
            Some(address)
        })?;
        address
            .map(|address| address.to_string())
            .ok_or_else(|| LabError::Network {
                doing: "reserve an address".into(),
                cause: "all reservable addresses of the practice cloud are taken".into(),
            })
    }

    pub(super) async fn assign(
        &self,
        address: &str,
        droplet_id: Option<u64>,
    ) -> Result<(), LabError> {
        let (address, before) = self.reserved(address)?;
        let after = match droplet_id {
            Some(id) => Some(self.droplet(id)?),
            None => None,
        };
        if let Some(id) = before.filter(|id| droplet_id != Some(*id))
            && self.observe(id).await? == PowerState::On
        {
            network::remove_address(&self.docker, &self.name(id), address).await?;
        }
        self.book
            .write(|pages| pages.reserved.insert(address, droplet_id))?;
        if let Some(droplet) = after {
            let id = droplet.spec.id;
            if self.observe(id).await? == PowerState::On {
                network::add_address(&self.docker, &self.name(id), address).await?;
            }
        }
        self.publish().await
    }

    pub(super) async fn release(&self, address: &str) -> Result<(), LabError> {
        self.assign(address, None).await?;
        let (address, _) = self.reserved(address)?;
        self.book.write(|pages| {
            pages.reserved.remove(&address);
            pages.addresses.free(address);
        })
    }

    fn reserved(&self, address: &str) -> Result<(Ipv4Addr, Option<u64>), LabError> {
        let known = address.parse().ok().and_then(|parsed: Ipv4Addr| {
            let target = self.book.read(|pages| pages.reserved.get(&parsed).copied());
            target.map(|target| (parsed, target))
        });
        known.ok_or_else(|| LabError::Network {
            doing: format!("find the reserved address {address}"),
            cause: "it is not reserved".into(),
        })
    }
}
