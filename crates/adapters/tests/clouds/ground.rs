//! A ground without machines: what the API asks happens at once, in memory.

use async_trait::async_trait;
use plimsoll_lab::ground::{
    Addresses, DropletFault, DropletSpec, Ground, GroundError, InboundRule, PowerAction,
    PowerState, PublishedZone,
};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

/// Droplets as names and states.
#[derive(Default)]
pub struct PaperGround {
    droplets: Mutex<BTreeMap<u64, PowerState>>,
    last: AtomicU8,
    /// While set, changes of power never end.
    pub stuck: AtomicBool,
    /// While set, snapshots fail.
    pub failing: AtomicBool,
}

impl PaperGround {
    fn next(&self) -> u8 {
        self.last.fetch_add(1, Ordering::SeqCst) + 2
    }
    fn set(&self, id: u64, state: PowerState) {
        self.droplets.lock().unwrap().insert(id, state);
    }
}

#[async_trait]
impl Ground for PaperGround {
    async fn create(&self, droplet: &DropletSpec) -> Result<Addresses, GroundError> {
        self.set(droplet.id, PowerState::On);
        let host = self.next();
        Ok(Addresses {
            public_ipv4: format!("203.0.113.{host}"),
            private_ipv4: format!("10.114.0.{host}"),
            gateway: "203.0.113.1".to_owned(),
            netmask: "255.255.255.0".to_owned(),
        })
    }
    async fn power(&self, id: u64, action: PowerAction) -> Result<(), GroundError> {
        while self.stuck.load(Ordering::SeqCst) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let state = match action {
            PowerAction::On | PowerAction::Reboot | PowerAction::Cycle => PowerState::On,
            PowerAction::Off | PowerAction::Shutdown => PowerState::Off,
        };
        self.set(id, state);
        Ok(())
    }
    async fn observe(&self, id: u64) -> Result<PowerState, GroundError> {
        Ok(self
            .droplets
            .lock()
            .unwrap()
            .get(&id)
            .copied()
            .unwrap_or(PowerState::Gone))
    }
    async fn destroy(&self, id: u64) -> Result<(), GroundError> {
        self.droplets.lock().unwrap().remove(&id);
        Ok(())
    }
    async fn snapshot(&self, id: u64, _: u64) -> Result<u64, GroundError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(GroundError {
                doing: format!("copy droplet {id}"),
                cause: "no space left on device".to_owned(),
            });
        }
        Ok(2_340_000_000)
    }
    async fn delete_snapshot(&self, _: u64) -> Result<(), GroundError> {
        Ok(())
    }
    async fn firewall(&self, _: u64, _: Option<&[InboundRule]>) -> Result<(), GroundError> {
        Ok(())
    }
    async fn reserve_address(&self) -> Result<String, GroundError> {
        Ok(format!("198.51.100.{}", self.next()))
    }
    async fn assign_address(&self, _: &str, _: Option<u64>) -> Result<(), GroundError> {
        Ok(())
    }
    async fn release_address(&self, _: &str) -> Result<(), GroundError> {
        Ok(())
    }
    async fn publish_zones(&self, _: &[PublishedZone]) -> Result<(), GroundError> {
        Ok(())
    }
    async fn fault(&self, _: u64, _: &DropletFault) -> Result<(), GroundError> {
        Ok(())
    }
}
