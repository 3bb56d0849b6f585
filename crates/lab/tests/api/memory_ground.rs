//! A ground without machines: it remembers what it was asked, and fails when told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use plimsoll_lab::ground::{
    Addresses, DropletFault, DropletSpec, Ground, GroundError, InboundRule, PowerAction,
    PowerState, PublishedZone,
};

/// What the ground holds.
#[derive(Default)]
pub struct Land {
    pub droplets: BTreeMap<u64, (DropletSpec, PowerState)>,
    pub snapshots: BTreeSet<u64>,
    pub firewalls: BTreeMap<u64, Option<Vec<InboundRule>>>,
    pub reserved: BTreeMap<String, Option<u64>>,
    pub zones: Vec<PublishedZone>,
    pub faults: Vec<(u64, DropletFault)>,
    /// Names of the calls that fail from now on.
    pub failing: BTreeSet<&'static str>,
    /// Names of the calls received, in order.
    pub calls: Vec<&'static str>,
    next_reserved: u8,
    /// A droplet keeps its place, and so its addresses, when it is rebuilt.
    places: BTreeMap<u64, usize>,
}

#[derive(Default)]
pub struct MemoryGround(Mutex<Land>);

impl MemoryGround {
    /// Looks at the land, or changes it.
    pub fn land<T>(&self, act: impl FnOnce(&mut Land) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    fn asked(&self, call: &'static str) -> Result<(), GroundError> {
        self.land(|land| {
            land.calls.push(call);
            if land.failing.contains(call) {
                return Err(GroundError {
                    doing: call.to_owned(),
                    cause: "the test wants it so".to_owned(),
                });
            }
            Ok(())
        })
    }
}

#[async_trait]
impl Ground for MemoryGround {
    async fn create(&self, droplet: &DropletSpec) -> Result<Addresses, GroundError> {
        self.asked("create")?;
        let place = self.land(|land| {
            land.droplets
                .insert(droplet.id, (droplet.clone(), PowerState::On));
            let next = land.places.len() + 1;
            *land.places.entry(droplet.id).or_insert(next)
        });
        Ok(Addresses {
            public_ipv4: format!("203.0.113.{place}"),
            private_ipv4: format!("10.10.0.{place}"),
            gateway: "203.0.113.254".to_owned(),
            netmask: "255.255.255.0".to_owned(),
        })
    }

    async fn power(&self, droplet_id: u64, action: PowerAction) -> Result<(), GroundError> {
        self.asked("power")?;
        self.land(|land| {
            if let Some((_, power)) = land.droplets.get_mut(&droplet_id) {
                *power = match action {
                    PowerAction::Off | PowerAction::Shutdown => PowerState::Off,
                    PowerAction::On | PowerAction::Reboot | PowerAction::Cycle => PowerState::On,
                };
            }
        });
        Ok(())
    }

    async fn observe(&self, droplet_id: u64) -> Result<PowerState, GroundError> {
        self.asked("observe")?;
        let seen = self.land(|land| land.droplets.get(&droplet_id).map(|(_, power)| *power));
        Ok(seen.unwrap_or(PowerState::Gone))
    }

    async fn destroy(&self, droplet_id: u64) -> Result<(), GroundError> {
        self.asked("destroy")?;
        self.land(|land| land.droplets.remove(&droplet_id));
        Ok(())
    }

    async fn snapshot(&self, _droplet_id: u64, snapshot_id: u64) -> Result<u64, GroundError> {
        self.asked("snapshot")?;
        self.land(|land| land.snapshots.insert(snapshot_id));
        Ok(1_234_567_890)
    }

    async fn delete_snapshot(&self, snapshot_id: u64) -> Result<(), GroundError> {
        self.asked("delete_snapshot")?;
        self.land(|land| land.snapshots.remove(&snapshot_id));
        Ok(())
    }

    async fn firewall(
        &self,
        droplet_id: u64,
        inbound: Option<&[InboundRule]>,
    ) -> Result<(), GroundError> {
        self.asked("firewall")?;
        self.land(|land| {
            land.firewalls
                .insert(droplet_id, inbound.map(<[_]>::to_vec))
        });
        Ok(())
    }

    async fn reserve_address(&self) -> Result<String, GroundError> {
        self.asked("reserve_address")?;
        Ok(self.land(|land| {
            land.next_reserved += 1;
            let address = format!("198.51.100.{}", land.next_reserved);
            land.reserved.insert(address.clone(), None);
            address
        }))
    }

    async fn assign_address(
        &self,
        address: &str,
        droplet_id: Option<u64>,
    ) -> Result<(), GroundError> {
        self.asked("assign_address")?;
        self.land(|land| land.reserved.insert(address.to_owned(), droplet_id));
        Ok(())
    }

    async fn release_address(&self, address: &str) -> Result<(), GroundError> {
        self.asked("release_address")?;
        self.land(|land| land.reserved.remove(address));
        Ok(())
    }

    async fn publish_zones(&self, zones: &[PublishedZone]) -> Result<(), GroundError> {
        self.asked("publish_zones")?;
        self.land(|land| land.zones = zones.to_vec());
        Ok(())
    }

    async fn fault(&self, droplet_id: u64, fault: &DropletFault) -> Result<(), GroundError> {
        self.asked("fault")?;
        self.land(|land| land.faults.push((droplet_id, fault.clone())));
        Ok(())
    }
}
