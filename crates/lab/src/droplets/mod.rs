//! Droplets: containers that boot systemd and an unmodified cloud-init, and behave as machines.

mod book;
mod container;
mod exec;
mod faults;
mod network;
mod snapshot;
mod watch;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bollard::Docker;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder, StopContainerOptionsBuilder,
};
use tokio_util::sync::CancellationToken;

pub(crate) use book::{Book, Droplet, Pages};

use crate::engine::{Engine, gone, is_missing};
use crate::error::{Doing, LabError};
use crate::gateway::Link;
use crate::ground::{
    Addresses, Boot, DropletFault, DropletSpec, Ground, GroundError, InboundRule, PowerAction,
    PowerState, PublishedZone,
};
use crate::instance::Instance;
use crate::network::Block;

/// Seconds that a droplet has to shut down before its power is cut.
const SHUTDOWN_SECONDS: i32 = 30;

/// The ground on a Docker engine.
#[derive(Debug, Clone)]
pub(crate) struct DockerGround {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    docker: Docker,
    instance: Instance,
    block: Block,
    /// The stock droplet image.
    image: String,
    book: Book,
    gateway: Link,
    limits: container::Limits,
    /// Whether the engine's disk may be filled without harming the host.
    may_fill_disk: bool,
    /// One event at a time for each droplet.
    turns: Mutex<HashMap<u64, Arc<tokio::sync::Mutex<()>>>>,
}

impl DockerGround {
    /// Stands on `engine` with what `book` remembers.
    pub(crate) async fn new(
        engine: &Engine,
        instance: Instance,
        image: String,
        book: Book,
        gateway: Link,
    ) -> Result<Self, LabError> {
        let (docker, block) = (engine.docker.clone(), engine.block());
        let info = docker.info().await.doing("ask the engine about its host")?;
        let limits = container::Limits {
            processors: info
                .ncpu
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(1),
            memory_bytes: info
                .mem_total
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or(1 << 30),
        };
        let inner = Inner {
            docker,
            instance,
            block,
            image,
            book,
            gateway,
            limits,
            may_fill_disk: engine.has_disk(),
            turns: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Boots what shall run and does not, as after a power cut of the whole data centre; then
    /// watches for droplets that reboot themselves until `stop`.
    pub(crate) async fn resume(&self, stop: CancellationToken) -> Result<(), LabError> {
        self.inner.publish().await?;
        let wanted: Vec<u64> = self.inner.book.read(|pages| {
            let on = pages
                .droplets
                .iter()
                .filter(|(_, droplet)| droplet.wanted_on);
            on.map(|(id, _)| *id).collect()
        });
        for id in wanted {
            let inner = self.inner.clone();
            // One that does not come up is seen as off, and does not keep the others down.
            if let Err(error) = inner.start(id).await {
                tracing::warn!(droplet = id, %error, "could not start the droplet again");
            }
        }
        tokio::spawn(watch::run(self.inner.clone(), stop));
        Ok(())
    }

    /// Tells the edge which certificates origins may carry, PEM.
    pub(crate) async fn trust_origins(&self, roots: Vec<String>) -> Result<(), LabError> {
        self.inner.gateway.trust_origins(roots);
        self.inner.publish().await
    }

    /// How many droplets there are.
    pub(crate) fn count(&self) -> usize {
        self.inner.book.read(|pages| pages.droplets.len())
    }

    /// Stops the droplets in an orderly way; they stay wanted, so the next start boots them.
    pub(crate) async fn rest(&self) {
        let ids: Vec<u64> = self
            .inner
            .book
            .read(|pages| pages.droplets.keys().copied().collect());
        let stops = ids.into_iter().map(|id| {
            let inner = self.inner.clone();
            async move {
                let _turn = inner.turn(id).await;
                let options = StopContainerOptionsBuilder::new().t(10).build();
                let _ = inner
                    .docker
                    .stop_container(&inner.name(id), Some(options))
                    .await;
            }
        });
        futures::future::join_all(stops).await;
    }
}

impl Inner {
    fn name(&self, droplet_id: u64) -> String {
        container::name(&self.instance, droplet_id)
    }

    async fn turn(&self, droplet_id: u64) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.entry(droplet_id).or_default().clone()
        };
        turn.lock_owned().await
    }

    fn droplet(&self, droplet_id: u64) -> Result<Droplet, LabError> {
        self.book
            .droplet(droplet_id)
            .ok_or_else(|| LabError::Network {
                doing: format!("find the droplet {droplet_id}"),
                cause: "there is no such droplet".into(),
            })
    }

    /// Tells the gateway what the book says.
    async fn publish(&self) -> Result<(), LabError> {
        self.gateway.publish(|| self.book.read(Pages::clone)).await
    }

    async fn create(&self, spec: &DropletSpec) -> Result<Addresses, LabError> {
        if let Some(there) = self.book.droplet(spec.id) {
            return Ok(self.addresses(&there));
        }
        let droplet = self.book.write(|pages| {
            let public = pages.addresses.take_droplet(self.block)?;
            let private = self.block.private_of(public);
            let droplet = Droplet {
                spec: spec.clone(),
                public,
                private,
                wanted_on: true,
                inbound: None,
                cut: false,
                delay_ms: 0,
            };
            pages.droplets.insert(spec.id, droplet.clone());
            Some(droplet)
        })?;
        let droplet = droplet.ok_or_else(|| LabError::Network {
            doing: format!("give the droplet {} an address", spec.id),
            cause: "all addresses of the practice cloud are taken; destroy a droplet".into(),
        })?;
        if let Err(error) = self.boot(&droplet).await {
            // Nothing of a droplet that never was stays behind.
            if let Err(error) = self.destroy(spec.id).await {
                tracing::warn!(droplet = spec.id, %error, "could not clean up");
            }
            return Err(error);
        }
        Ok(self.addresses(&droplet))
    }

    async fn boot(&self, droplet: &Droplet) -> Result<(), LabError> {
        let id = droplet.spec.id;
        // cloud-init asks for its metadata in its first second.
        self.publish().await?;
        let volume = container::volume(&self.instance, id);
        let request = container::volume_request(&self.instance, volume, "droplet", id);
        let doing = format!("make the volume of the droplet {id}");
        self.docker.create_volume(request).await.doing(doing)?;
        let image = match droplet.spec.boot {
            Boot::Stock { .. } => self.image.clone(),
            Boot::Snapshot { snapshot_id } => {
                let (docker, instance) = (&self.docker, &self.instance);
                snapshot::restore(docker, instance, &self.image, snapshot_id, id).await?;
                snapshot::image(instance, snapshot_id)
            }
        };
        let body = container::request(&self.instance, self.block, &image, droplet, self.limits);
        let options = CreateContainerOptionsBuilder::new()
            .name(&self.name(id))
            .build();
        let doing = format!("make the container of the droplet {id}");
        self.docker
            .create_container(Some(options), body)
            .await
            .doing(doing)?;
        self.start(id).await
    }

    /// Starts a droplet's container if it does not run, and brings its network in line.
    async fn start(&self, droplet_id: u64) -> Result<(), LabError> {
        let doing = format!("start the droplet {droplet_id}");
        self.docker
            .start_container(&self.name(droplet_id), None)
            .await
            .doing(doing)?;
        self.apply_network(droplet_id).await
    }

    async fn apply_network(&self, droplet_id: u64) -> Result<(), LabError> {
        let droplet = self.droplet(droplet_id)?;
        let reserved: Vec<Ipv4Addr> = self.book.read(|pages| {
            let ours = pages
                .reserved
                .iter()
                .filter(|(_, target)| **target == Some(droplet_id));
            ours.map(|(address, _)| *address).collect()
        });
        let plain = droplet.inbound.is_none() && !droplet.cut && droplet.delay_ms == 0;
        if plain && reserved.is_empty() {
            return Ok(());
        }
        network::apply(&self.docker, &self.name(droplet_id), &droplet, &reserved).await
    }

    fn addresses(&self, droplet: &Droplet) -> Addresses {
        Addresses {
            public_ipv4: droplet.public.to_string(),
            private_ipv4: droplet.private.to_string(),
            gateway: self.block.bridge().to_string(),
            netmask: self.block.netmask().to_string(),
        }
    }

    async fn power(&self, droplet_id: u64, action: PowerAction) -> Result<(), LabError> {
        self.droplet(droplet_id)?;
        let on = !matches!(action, PowerAction::Off | PowerAction::Shutdown);
        self.book.write(|pages| {
            if let Some(droplet) = pages.droplets.get_mut(&droplet_id) {
                droplet.wanted_on = on;
            }
        })?;
        match action {
            PowerAction::On => {}
            PowerAction::Off | PowerAction::Cycle => self.cut_power(droplet_id).await?,
            PowerAction::Shutdown | PowerAction::Reboot => {
                let options = StopContainerOptionsBuilder::new()
                    .t(SHUTDOWN_SECONDS)
                    .build();
                let name = self.name(droplet_id);
                let doing = format!("shut down the droplet {droplet_id}");
                self.docker
                    .stop_container(&name, Some(options))
                    .await
                    .doing(doing)?;
            }
        }
        if on {
            self.start(droplet_id).await
        } else {
            Ok(())
        }
    }

    async fn cut_power(&self, droplet_id: u64) -> Result<(), LabError> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        match self
            .docker
            .kill_container(&self.name(droplet_id), Some(options))
            .await
        {
            // It was off already.
            Err(bollard::errors::Error::DockerResponseServerError {
                status_code: 409, ..
            }) => {}
            other => other.doing(format!("cut the power of the droplet {droplet_id}"))?,
        }
        // The engine notices the death a moment later, and would refuse to start it until then.
        while self.observe(droplet_id).await? == PowerState::On {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn observe(&self, droplet_id: u64) -> Result<PowerState, LabError> {
        let name = self.name(droplet_id);
        match self
            .docker
            .inspect_container(&name, None::<InspectContainerOptions>)
            .await
        {
            Ok(container) => {
                let running = container
                    .state
                    .and_then(|state| state.running)
                    .unwrap_or(false);
                Ok(if running {
                    PowerState::On
                } else {
                    PowerState::Off
                })
            }
            Err(error) if is_missing(&error) => Ok(PowerState::Gone),
            Err(error) => Err(error).doing(format!("look at the droplet {droplet_id}")),
        }
    }

    async fn destroy(&self, droplet_id: u64) -> Result<(), LabError> {
        let doing = format!("destroy the droplet {droplet_id}");
        let forced = RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(true)
            .build();
        let name = self.name(droplet_id);
        gone(self.docker.remove_container(&name, Some(forced)).await).doing(doing.clone())?;
        let forced = RemoveVolumeOptionsBuilder::new().force(true).build();
        let volume = container::volume(&self.instance, droplet_id);
        gone(self.docker.remove_volume(&volume, Some(forced)).await).doing(doing)?;
        self.book.write(|pages| {
            if let Some(droplet) = pages.droplets.remove(&droplet_id) {
                pages.addresses.free(droplet.public);
            }
            for target in pages.reserved.values_mut() {
                target.take_if(|target| *target == droplet_id);
            }
        })?;
        self.publish().await
    }

    async fn snapshot(&self, droplet_id: u64, snapshot_id: u64) -> Result<u64, LabError> {
        let name = self.name(droplet_id);
        let running = self.observe(droplet_id).await? == PowerState::On;
        if running {
            let doing = format!("freeze the droplet {droplet_id}");
            self.docker.pause_container(&name).await.doing(doing)?;
        }
        let (docker, instance) = (&self.docker, &self.instance);
        let taken = snapshot::take(docker, instance, &self.image, droplet_id, snapshot_id).await;
        if running {
            let doing = format!("thaw the droplet {droplet_id}");
            self.docker.unpause_container(&name).await.doing(doing)?;
        }
        if taken.is_err()
            && let Err(error) = snapshot::delete(docker, instance, snapshot_id).await
        {
            tracing::warn!(snapshot = snapshot_id, %error, "could not clean up");
        }
        taken
    }

    async fn set_firewall(
        &self,
        droplet_id: u64,
        inbound: Option<&[InboundRule]>,
    ) -> Result<(), LabError> {
        let mut droplet = self.droplet(droplet_id)?;
        droplet.inbound = inbound.map(<[InboundRule]>::to_vec);
        if self.observe(droplet_id).await? == PowerState::On {
            network::apply(&self.docker, &self.name(droplet_id), &droplet, &[]).await?;
        }
        self.book.write(|pages| {
            if let Some(known) = pages.droplets.get_mut(&droplet_id) {
                known.inbound = droplet.inbound;
            }
        })
    }

    fn reserve(&self) -> Result<String, LabError> {
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

    async fn assign(&self, address: &str, droplet_id: Option<u64>) -> Result<(), LabError> {
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

    async fn release(&self, address: &str) -> Result<(), LabError> {
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

#[async_trait]
impl Ground for DockerGround {
    async fn create(&self, droplet: &DropletSpec) -> Result<Addresses, GroundError> {
        let _turn = self.inner.turn(droplet.id).await;
        Ok(self.inner.create(droplet).await?)
    }

    async fn power(&self, droplet_id: u64, action: PowerAction) -> Result<(), GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.power(droplet_id, action).await?)
    }

    async fn observe(&self, droplet_id: u64) -> Result<PowerState, GroundError> {
        Ok(self.inner.observe(droplet_id).await?)
    }

    async fn destroy(&self, droplet_id: u64) -> Result<(), GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.destroy(droplet_id).await?)
    }

    async fn snapshot(&self, droplet_id: u64, snapshot_id: u64) -> Result<u64, GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.snapshot(droplet_id, snapshot_id).await?)
    }

    async fn delete_snapshot(&self, snapshot_id: u64) -> Result<(), GroundError> {
        let (docker, instance) = (&self.inner.docker, &self.inner.instance);
        Ok(snapshot::delete(docker, instance, snapshot_id).await?)
    }

    async fn firewall(
        &self,
        droplet_id: u64,
        inbound: Option<&[InboundRule]>,
    ) -> Result<(), GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.set_firewall(droplet_id, inbound).await?)
    }

    async fn reserve_address(&self) -> Result<String, GroundError> {
        Ok(self.inner.reserve()?)
    }

    async fn assign_address(
        &self,
        address: &str,
        droplet_id: Option<u64>,
    ) -> Result<(), GroundError> {
        Ok(self.inner.assign(address, droplet_id).await?)
    }

    async fn release_address(&self, address: &str) -> Result<(), GroundError> {
        Ok(self.inner.release(address).await?)
    }

    async fn publish_zones(&self, zones: &[PublishedZone]) -> Result<(), GroundError> {
        self.inner
            .book
            .write(|pages| pages.zones = zones.to_vec())?;
        Ok(self.inner.publish().await?)
    }

    async fn fault(&self, droplet_id: u64, fault: &DropletFault) -> Result<(), GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.fault(droplet_id, fault).await?)
    }
}

impl From<LabError> for GroundError {
    fn from(error: LabError) -> Self {
        match error {
            LabError::Engine { doing, source } => Self {
                doing,
                cause: source.to_string(),
            },
            LabError::Network { doing, cause } => Self { doing, cause },
            other => Self {
                doing: other.code().to_owned(),
                cause: other.to_string(),
            },
        }
    }
}
